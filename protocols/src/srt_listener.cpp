#include <cerrno>
#include <cstring>
#include <future>
#include <system_error>

#include <fcntl.h>

#include <fmt/format.h>
#include <srt/access_control.h>
#include <sys/socket.h>

#include <base/log.hpp>
#include <protocols/srt_listener.hpp>

#include "srt_listener_state.hpp"

namespace sg::protocols {
namespace {

using namespace std::chrono_literals;

constexpr int kBacklog = 64;
constexpr int kHandshakeWithStreamId = 5;
/// With nobody connected, libsrt keeps the socket for so long.
constexpr auto kKeepActive = 10s;
/// A caller that was admitted but never came through, for example with a wrong passphrase.
constexpr auto kAdmittedFor = 5s;
constexpr int kUdpBuffer = 4 << 20;
/// After libsrt could not take over, for want of threads or descriptors.
constexpr auto kListenPause = 500ms;

int on_call(void* state, SRTSOCKET caller, int version, const sockaddr* address, const char* id) {
    return static_cast<SrtListener::State*>(state)->admit(caller, version, address, id) ? 0 : -1;
}

}  // namespace

bool SrtSeats::take(const std::string& ip) {
    const std::lock_guard lock(mutex_);
    if (all_ >= max_all_) return false;
    const auto found = by_ip_.find(ip);
    if (found != by_ip_.end() && found->second >= max_per_ip_) return false;
    if (max_per_ip_ == 0) return false;
    ++by_ip_[ip];
    ++all_;
    return true;
}

void SrtSeats::give_back(const std::string& ip) {
    const std::lock_guard lock(mutex_);
    const auto found = by_ip_.find(ip);
    if (found == by_ip_.end()) return;
    --all_;
    if (--found->second == 0) by_ip_.erase(found);
}

std::size_t SrtSeats::taken() const {
    const std::lock_guard lock(mutex_);
    return all_;
}

SrtListener::State::State(std::shared_ptr<SrtPoller> poller,
                          SrtListenerSettings settings,
                          SrtAdmission admission,
                          SrtExecutor executor,
                          OnConnection on_connection)
    : poller_(std::move(poller)),
      settings_(std::move(settings)),
      admission_(std::move(admission)),
      executor_(std::move(executor)),
      on_connection_(std::move(on_connection)),
      seats_(std::make_shared<SrtSeats>(settings_.connections, settings_.connections_per_ip)) {}

Status SrtListener::State::bind() {
    const std::string where = fmt::format("{}:{}/udp", settings_.address, settings_.port);
    const auto address = numeric_address(settings_.address, settings_.port);
    if (!address)
        return Error{Errc::kInvalidArgument,
                     fmt::format("listen for SRT on {}: the address is not numeric", where)};
    udp_.reset(::socket(address->bytes.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int also_v4 = 0;
    if (address->bytes.ss_family == AF_INET6)
        setsockopt(udp_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &also_v4, sizeof also_v4);
    setsockopt(udp_.get(), SOL_SOCKET, SO_RCVBUF, &kUdpBuffer, sizeof kUdpBuffer);
    if (!udp_.valid() ||
        ::bind(udp_.get(), address->get(), static_cast<socklen_t>(address->length)) != 0) {
        const int code = errno;
        return Error{Errc::kIo,
                     fmt::format("listen for SRT on {}: {}; stop what uses the port, or set "
                                 "another",
                                 where,
                                 std::generic_category().message(code))};
    }
    sockaddr_in bound{};
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    getsockname(udp_.get(), reinterpret_cast<sockaddr*>(&storage), &length);  // NOLINT
    std::memcpy(&bound, &storage, sizeof bound);
    port_ = ntohs(bound.sin_port);
    poller_->post([self = shared_from_this()] { self->stand_by(); });
    return {};
}

void SrtListener::State::stand_by() {
    if (stopped_) return;
    poller_->watch_fd(udp_.get(), [self = shared_from_this()] { self->take_over(); });
}

void SrtListener::State::take_over() {
    poller_->forget_fd(udp_.get());
    last_use_ = std::chrono::steady_clock::now();
    if (const Status done = listen(); !done) {
        // What came first is still there, so that this is tried again and again.
        if (std::exchange(told_, done.error().message) != done.error().message)
            log::error("srt_listen_failed port={} why=\"{}\"", port_, told_);
        again_at_ = last_use_ + kListenPause;
        let_go();
        return;
    }
    if (!std::exchange(told_, {}).empty()) log::info("srt_listens_again port={}", port_);
    poller_->watch(socket_, kSrtIn | kSrtError, shared_from_this());
}

Status SrtListener::State::listen() {
    SG_TRY(poller_->begin());
    SrtSocketOptions options;
    options.latency_ms = static_cast<int>(settings_.latency.count());
    options.receive_buffer_bytes = settings_.receive_buffer_bytes;
    SG_TRY_ASSIGN(socket_, make_srt_socket(options));
    // libsrt closes the one it is given.
    const int given = fcntl(udp_.get(), F_DUPFD_CLOEXEC, 3);
    if (given < 0) return Error{Errc::kIo, "no more descriptors"};
    if (srt_bind_acquire(socket_, given) == SRT_ERROR) {
        Error error = srt_error("take over the UDP socket");
        UniqueFd(given).reset();
        return error;
    }
    if (srt_listen_callback(socket_, on_call, this) == SRT_ERROR ||
        srt_listen(socket_, kBacklog) == SRT_ERROR)
        return srt_error("listen");
    return {};
}

/// Closes libsrt's listener; the UDP socket stays, and is stood by once libsrt has let go of it.
void SrtListener::State::let_go() {
    const SRTSOCKET socket = std::exchange(socket_, SRT_INVALID_SOCK);
    poller_->forget(socket);
    if (socket != SRT_INVALID_SOCK) srt_close(socket);
    poller_->linger([self = shared_from_this(), socket] {
        if (socket != SRT_INVALID_SOCK && srt_getsockstate(socket) != SRTS_NONEXIST) return false;
        if (std::chrono::steady_clock::now() < self->again_at_) return false;
        self->stand_by();
        return true;
    });
}

void SrtListener::State::stop() {
    // When it returns, the port is free unless connections still use it.
    auto done = std::make_shared<std::promise<void>>();
    std::future<void> stopped = done->get_future();
    poller_->post([self = shared_from_this(), done] {
        self->on_shutdown();
        done->set_value();
    });
    done.reset();
    // The promise is broken when the service has ended.
    stopped.wait();
}

void SrtListener::State::on_shutdown() {
    stopped_ = true;
    poller_->forget_fd(udp_.get());
    udp_.reset();
    if (socket_ == SRT_INVALID_SOCK) return;
    poller_->forget(socket_);
    srt_close(std::exchange(socket_, SRT_INVALID_SOCK));
}

SrtDecision SrtListener::State::decide(const SrtStreamId& id, const std::string& ip) const {
    if (!id.type.empty() && id.type != "stream")
        return SrtRefusal(SrtReject::kUnacceptable, "t= is not stream");
    if (!seats_->take(ip)) return SrtRefusal(SrtReject::kOverload, "too many connections");
    auto decision = admission_(id, ip);
    if (std::holds_alternative<SrtRefusal>(decision)) seats_->give_back(ip);
    return decision;
}

bool SrtListener::State::admit(SRTSOCKET caller,
                               int version,
                               const sockaddr* address,
                               const char* stream_id) {
    const std::string ip =
        copy_address(address,
                     address->sa_family == AF_INET6 ? static_cast<int>(sizeof(sockaddr_in6))
                                                    : static_cast<int>(sizeof(sockaddr_in)))
            .ip();
    const auto refuse = [&](const SrtRefusal& refusal, const std::string& shown) {
        ++refused_;
        const int code = static_cast<int>(refusal.code);
        srt_setrejectreason(caller, code);
        log::info("srt_refused peer={} code={} {} reason=\"{}\"", ip, code, shown, refusal.why);
        return false;
    };
    if (version < kHandshakeWithStreamId)
        return refuse({SrtReject::kVersion, "its SRT is older than 1.3"}, {});
    const auto id = parse_srt_stream_id(stream_id != nullptr ? stream_id : "");
    if (!id) return refuse({SrtReject::kBadRequest, id.error().message}, {});
    const auto decision = decide(*id, ip);
    if (const auto* refusal = std::get_if<SrtRefusal>(&decision))
        return refuse(*refusal, id->shown());
    const auto& accept = std::get<SrtAccept>(decision);
    const int latency = static_cast<int>(accept.latency.value_or(settings_.latency).count());
    const bool ok =
        set_srt_option(caller, SRTO_LATENCY, latency) &&
        (accept.passphrase.empty() || set_srt_text(caller, SRTO_PASSPHRASE, accept.passphrase));
    if (!ok) {
        seats_->give_back(ip);
        return refuse({SrtReject::kInternal, "the passphrase cannot be set"}, id->shown());
    }
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    const auto [at, fresh] = admitted_.try_emplace(
        caller, Admitted{*id, ip, accept.key_bytes, !accept.passphrase.empty(), now});
    if (!fresh) seats_->give_back(ip);
    return true;
}

void SrtListener::State::on_ready(int) {
    last_use_ = std::chrono::steady_clock::now();
    while (true) {
        sockaddr_storage storage{};
        int length = sizeof storage;
        const SRTSOCKET caller =
            srt_accept(socket_, reinterpret_cast<sockaddr*>(&storage), &length);  // NOLINT
        if (caller == SRT_INVALID_SOCK) return;
        SrtAddress peer;
        peer.bytes = storage;
        peer.length = length;
        take_caller(caller, peer);
    }
}

void SrtListener::State::take_caller(SRTSOCKET caller, const SrtAddress& peer) {
    std::optional<Admitted> admitted;
    {
        const std::lock_guard lock(mutex_);
        if (auto node = admitted_.extract(caller)) admitted = std::move(node.mapped());
    }
    if (!admitted) {
        srt_close(caller);
        return;
    }
    const auto give_back = [seats = seats_, ip = admitted->ip] { seats->give_back(ip); };
    const auto key_bytes = static_cast<unsigned>(get_srt_number(caller, SRTO_PBKEYLEN));
    if (key_bytes < admitted->key_bytes) {
        ++refused_;
        log::info("srt_refused peer={} {} reason=\"its key has {} bytes, not {}: set pbkeylen\"",
                  admitted->ip,
                  admitted->id.shown(),
                  key_bytes,
                  admitted->key_bytes);
        srt_close(caller);
        give_back();
        return;
    }
    ++accepted_;
    const SrtLinkSettings settings{
        settings_.idle, settings_.inbox_bytes, settings_.outbox_bytes, settings_.caller_rate};
    std::shared_ptr<SrtConnection> connection =
        SrtLink::make(poller_, caller, peer, std::move(admitted->id), settings, give_back);
    executor_([self = shared_from_this(), connection = std::move(connection)]() mutable {
        self->on_connection_(std::move(connection));
    });
}

void SrtListener::State::expire_admitted(Now now) {
    const std::lock_guard lock(mutex_);
    for (auto at = admitted_.begin(); at != admitted_.end();) {
        if (now - at->second.since < kAdmittedFor) {
            ++at;
            continue;
        }
        ++refused_;
        log::info("srt_refused peer={} {} reason=\"the connection did not come about: {}\"",
                  at->second.ip,
                  at->second.id.shown(),
                  at->second.encrypted
                      ? "a passphrase is needed here, and is missing or wrong"
                      : "a passphrase that is not wanted here, or the caller went away");
        seats_->give_back(at->second.ip);
        at = admitted_.erase(at);
    }
}

void SrtListener::State::on_tick(Now now) {
    expire_admitted(now);
    if (seats_->taken() > 0) {
        last_use_ = now;
    } else if (now - last_use_ > kKeepActive) {
        let_go();
    }
}

Result<std::unique_ptr<SrtListener>> SrtListener::create(SrtService& service,
                                                         SrtListenerSettings settings,
                                                         SrtAdmission admission,
                                                         SrtExecutor executor,
                                                         OnConnection on_connection) {
    auto state = std::make_shared<State>(service.shared_poller(),
                                         std::move(settings),
                                         std::move(admission),
                                         std::move(executor),
                                         std::move(on_connection));
    SG_TRY(state->bind());
    return std::unique_ptr<SrtListener>(new SrtListener(std::move(state)));
}

SrtListener::~SrtListener() {
    state_->stop();
}

std::uint16_t SrtListener::port() const {
    return state_->port();
}

SrtListener::Counters SrtListener::counters() const {
    return state_->counters();
}

}  // namespace sg::protocols
