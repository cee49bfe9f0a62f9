#include <charconv>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <base/log.hpp>
#include <ingest/ts_depacketizer.hpp>
#include <protocols/srt_caller.hpp>

#include "pull_source.hpp"
#include "pull_url.hpp"

namespace sg::live {
namespace {

namespace asio = boost::asio;

constexpr auto kIdle = std::chrono::seconds(10);

/// SRT's threads may still hold a call for it when its owner has gone.
class Caller : public std::enable_shared_from_this<Caller> {
  public:
    Caller(protocols::SrtCallSettings settings,
           unsigned program,
           const PullContext& context,
           PullOwner& owner)
        : settings_(std::move(settings)),
          program_(program),
          service_(*context.srt),
          home_(context.home),
          clock_(context.clock),
          owner_(&owner) {}

    void start() {
        const auto executor = [&home = home_](std::function<void()> work) {
            asio::post(home, std::move(work));
        };
        protocols::srt_call(
            service_, settings_, executor, [self = shared_from_this(), executor](auto connection) {
                self->called(std::move(connection), executor);
            });
    }

    void stop() {
        owner_ = nullptr;
        if (connection_) connection_->close();
    }

  private:
    void called(Result<std::shared_ptr<protocols::SrtConnection>> connection,
                const protocols::SrtExecutor& executor) {
        if (!connection) {
            if (owner_ != nullptr) owner_->on_gone(connection.error());
            return;
        }
        if (owner_ == nullptr) {
            (*connection)->close();
            return;
        }
        connection_ = std::move(*connection);
        protocols::SrtHandler handler;
        handler.on_data = [self = shared_from_this()](std::span<const std::byte> bytes) {
            self->take(bytes);
        };
        handler.on_end = [self = shared_from_this()](const Error& why) {
            if (self->owner_ != nullptr) self->owner_->on_gone(why);
        };
        connection_->start(executor, std::move(handler));
    }

    void take(std::span<const std::byte> bytes) {
        if (owner_ == nullptr) return;
        auto* feed = owner_->feed(ingest::TsDepacketizer::kClock);
        if (feed == nullptr) return;
        if (!depacketizer_) depacketizer_.emplace(*feed, ingest::TsDepacketizer::Options{program_});
        feed->arrived(clock_.now());
        depacketizer_->push(bytes);
        owner_->delivered();
    }

    const protocols::SrtCallSettings settings_;
    const unsigned program_;
    protocols::SrtService& service_;
    asio::io_context& home_;
    const Clock& clock_;
    PullOwner* owner_;
    std::shared_ptr<protocols::SrtConnection> connection_;
    std::optional<ingest::TsDepacketizer> depacketizer_;
};

class SrtPull final : public PullSource {
  public:
    explicit SrtPull(std::shared_ptr<Caller> caller) : caller_(std::move(caller)) {}
    ~SrtPull() override { caller_->stop(); }
    void start() override { caller_->start(); }

  private:
    std::shared_ptr<Caller> caller_;
};

Status set_number(const PullUrl& url, std::string_view name, std::int64_t& value) {
    const auto text = url.option(name);
    if (text.empty()) return {};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < 0 ||
        value > 60'000)
        return Error{Errc::kInvalidArgument,
                     fmt::format("read the input URL srt://{}:{}: {} is no number between 0 and "
                                 "60000",
                                 url.host,
                                 url.port,
                                 name)};
    return {};
}

}  // namespace

Result<protocols::SrtCallSettings> srt_call_of(const std::string& text) {
    SG_TRY_ASSIGN(const auto url, parse_pull_url(text));
    if (url.host.empty())
        return Error{Errc::kInvalidArgument, "read an input URL: srt:// needs the host to call"};
    protocols::SrtCallSettings settings;
    settings.host = url.host;
    settings.port = url.port;
    settings.stream_id = url.option("streamid");
    settings.passphrase = url.option("passphrase");
    settings.idle = kIdle;
    std::int64_t latency = settings.latency.count();
    std::int64_t key_bytes = 0;
    SG_TRY(set_number(url, "latency", latency));
    SG_TRY(set_number(url, "pbkeylen", key_bytes));
    settings.latency = std::chrono::milliseconds(latency);
    settings.key_bytes = static_cast<unsigned>(key_bytes);
    return settings;
}

Result<std::unique_ptr<PullSource>> make_srt_pull(const InputSettings& input,
                                                  const PullContext& context,
                                                  PullOwner& owner) {
    SG_TRY_ASSIGN(auto settings, srt_call_of(input.url));
    if (context.srt == nullptr)
        return Error{Errc::kUnsupported, "pull by SRT: the SRT service does not run"};
    return std::unique_ptr<PullSource>(std::make_unique<SrtPull>(
        std::make_shared<Caller>(std::move(settings), input.program, context, owner)));
}

}  // namespace sg::live
