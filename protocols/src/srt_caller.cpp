#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>

#include <fmt/format.h>

#include <protocols/srt_caller.hpp>

#include "srt_link.hpp"
#include "srt_socket.hpp"

namespace sg::protocols {
namespace {

using Done = std::function<void(Result<std::shared_ptr<SrtConnection>>)>;

/// A call that has not been answered yet.
class Call final : public SrtWatcher, public std::enable_shared_from_this<Call> {
  public:
    Call(std::shared_ptr<SrtPoller> poller,
         SrtCallSettings settings,
         SrtExecutor executor,
         Done done)
        : poller_(std::move(poller)),
          settings_(std::move(settings)),
          executor_(std::move(executor)),
          done_(std::move(done)) {}

    void place(const SrtAddress& to);
    void fail(Errc code, const std::string& why);

    void on_ready(int events) override;
    void on_tick(Now) override {}
    void on_shutdown() override { fail(Errc::kCancelled, "the SRT service stops"); }

    [[nodiscard]] const SrtCallSettings& settings() const { return settings_; }

  private:
    void finish(Result<std::shared_ptr<SrtConnection>> result);

    const std::shared_ptr<SrtPoller> poller_;
    const SrtCallSettings settings_;
    const SrtExecutor executor_;
    Done done_;
    SrtAddress to_;
    SRTSOCKET socket_ = SRT_INVALID_SOCK;
};

void Call::finish(Result<std::shared_ptr<SrtConnection>> result) {
    if (!done_) return;
    // std::function copies what it holds, so the result is shared.
    auto shared = std::make_shared<Result<std::shared_ptr<SrtConnection>>>(std::move(result));
    executor_([done = std::exchange(done_, {}), shared] { done(std::move(*shared)); });
}

void Call::fail(Errc code, const std::string& why) {
    if (socket_ != SRT_INVALID_SOCK) {
        poller_->forget(socket_);
        srt_close(std::exchange(socket_, SRT_INVALID_SOCK));
    }
    finish(Error{code, fmt::format("call {}:{} by SRT: {}", settings_.host, settings_.port, why)});
}

void Call::place(const SrtAddress& to) {
    to_ = to;
    if (const Status begun = poller_->begin(); !begun) {
        fail(begun.error().code, begun.error().message);
        return;
    }
    SrtSocketOptions options;
    options.latency_ms = static_cast<int>(settings_.latency.count());
    options.receive_buffer_bytes = settings_.receive_buffer_bytes;
    options.passphrase = settings_.passphrase;
    options.key_bytes = settings_.key_bytes;
    auto socket = make_srt_socket(options);
    if (!socket) {
        fail(socket.error().code, socket.error().message);
        return;
    }
    socket_ = *socket;
    const int timeout = static_cast<int>(settings_.connect_timeout.count());
    if (!set_srt_option(socket_, SRTO_CONNTIMEO, timeout) ||
        !set_srt_text(socket_, SRTO_STREAMID, settings_.stream_id)) {
        fail(Errc::kInvalidArgument, "the stream id is longer than 512 bytes");
        return;
    }
    poller_->watch(socket_, kSrtOut | kSrtError, shared_from_this());
    if (srt_connect(socket_, to.get(), to.length) == SRT_ERROR)
        fail(Errc::kIo, srt_error("connect").message);
}

void Call::on_ready(int) {
    const SRT_SOCKSTATUS state = srt_getsockstate(socket_);
    if (state == SRTS_CONNECTING) return;
    if (state != SRTS_CONNECTED) {
        const int reason = srt_getrejectreason(socket_);
        const bool silent = reason == SRT_REJ_TIMEOUT || reason == SRT_REJ_UNKNOWN;
        fail(silent ? Errc::kTimeout : Errc::kPermission,
             silent ? "no answer" : refusal_text(reason));
        return;
    }
    poller_->forget(socket_);
    const SrtLinkSettings settings{settings_.idle, settings_.inbox_bytes, settings_.outbox_bytes};
    finish(SrtLink::make(
        poller_, std::exchange(socket_, SRT_INVALID_SOCK), to_, SrtStreamId{}, settings, {}));
}

/// Blocks; the first address.
Result<SrtAddress> resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (code != 0 || found == nullptr) return Error{Errc::kNotFound, gai_strerror(code)};
    const SrtAddress address = copy_address(found->ai_addr, static_cast<int>(found->ai_addrlen));
    freeaddrinfo(found);
    return address;
}

}  // namespace

void srt_call(SrtService& service, SrtCallSettings settings, SrtExecutor executor, Done done) {
    const std::shared_ptr<SrtPoller> poller = service.shared_poller();
    auto call =
        std::make_shared<Call>(poller, std::move(settings), std::move(executor), std::move(done));
    const auto place = [poller, call](const SrtAddress& to) {
        poller->post([call, to] { call->place(to); });
    };
    if (const auto address = numeric_address(call->settings().host, call->settings().port)) {
        place(*address);
        return;
    }
    // Name servers may be slow, and nothing can hurry getaddrinfo: nobody waits for this thread.
    const auto fail = [poller, call](Errc code, std::string why) {
        poller->post([call, code, why = std::move(why)] { call->fail(code, why); });
    };
    try {
        std::thread([call, place, fail] {
            const auto address = resolve(call->settings().host, call->settings().port);
            if (address) {
                place(*address);
            } else {
                fail(address.error().code, address.error().message);
            }
        }).detach();
    } catch (const std::system_error& error) {
        fail(Errc::kLimit, "start a thread: " + error.code().message());
    }
}

}  // namespace sg::protocols
