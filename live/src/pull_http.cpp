#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <base/log.hpp>
#include <ingest/fragment_depacketizer.hpp>
#include <ingest/ts_depacketizer.hpp>
#include <process/message.hpp>
#include <protocols/http_client.hpp>

#include "pull_hls.hpp"
#include "pull_source.hpp"
#include "pull_threads.hpp"

namespace sg::live {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

/// What waits for the home thread, and media that waits for its time: then reading pauses.
constexpr std::size_t kMostBytes = std::size_t{4} << 20;
constexpr std::int64_t kMostNs = 30'000'000'000;
constexpr auto kSilence = std::chrono::seconds(10);
/// Of a playlist, when no media waits any more.
constexpr int kPlaylistAttempts = 3;
constexpr auto kPlaylistPause = std::chrono::seconds(1);

constexpr std::size_t kTsPacket = 188;
/// A transport stream shows itself within so much.
constexpr std::size_t kTsStart = 4096;

/// Three sync bytes in a row.
bool holds_transport_stream(std::span<const std::byte> bytes) {
    constexpr std::byte kSync{0x47};
    for (std::size_t i = 0; i < kTsPacket && i + 2 * kTsPacket < bytes.size(); ++i) {
        if (bytes[i] == kSync && bytes[i + kTsPacket] == kSync && bytes[i + 2 * kTsPacket] == kSync)
            return true;
    }
    return false;
}

/// Servers that restart answer so for a while.
bool may_pass(Errc code) {
    return code == Errc::kIo || code == Errc::kTimeout || code == Errc::kBadData ||
           code == Errc::kNotFound || code == Errc::kPermission;
}

/// Between the thread that reads and the home thread.
class HttpLink : public std::enable_shared_from_this<HttpLink> {
  public:
    HttpLink(const InputSettings& input, const PullContext& context, PullOwner& owner)
        : url_(input.url),
          max_bandwidth_(input.max_bandwidth),
          program_(input.program),
          home_(context.home),
          clock_(context.clock),
          owner_(&owner),
          left_(owner.hls_position()) {}

    // On the reading thread.
    void read_stream(std::stop_token stop);
    void read_hls(std::stop_token stop);

    // On the home thread.
    void leave();
    void stop_requested(std::stop_source stop) { stop_ = std::move(stop); }

  private:
    void post(std::function<void(HttpLink&)> work) {
        asio::post(home_, [self = shared_from_this(), work = std::move(work)] {
            if (self->owner_ != nullptr) work(*self);
        });
    }
    void gone(Error why) {
        post([why = std::move(why)](HttpLink& link) { link.owner_->on_gone(why); });
    }
    /// No more will be read: it is gone when what waits was given on.
    void finish(Error why) {
        post([why = std::move(why)](HttpLink& link) {
            link.over_ = why;
            link.look_for_end();
        });
    }
    void look_for_end() {
        if (owner_ != nullptr && over_ && (!pacer_ || pacer_->empty())) owner_->on_gone(*over_);
    }
    [[nodiscard]] bool media_waits() {
        const std::lock_guard lock(mutex_);
        return waiting_ns_ > 0;
    }
    void take(std::span<const std::byte> bytes);
    void take_units(std::vector<PacedUnit> units);
    void give(PacedUnit unit);
    void set_waiting(std::int64_t ns, std::size_t bytes_taken);

    const std::string url_;
    const std::uint64_t max_bandwidth_;
    const unsigned program_;
    asio::io_context& home_;
    const Clock& clock_;

    PullOwner* owner_;
    const HlsPosition left_;
    std::optional<ingest::TsDepacketizer> depacketizer_;
    std::optional<PullPacer> pacer_;
    std::optional<Error> over_;
    std::stop_source stop_;

    std::mutex mutex_;
    std::condition_variable_any room_;
    std::size_t queued_bytes_ = 0;
    std::int64_t waiting_ns_ = 0;
};

void HttpLink::leave() {
    owner_ = nullptr;
    pacer_.reset();
    stop_.request_stop();
}

void HttpLink::set_waiting(std::int64_t ns, std::size_t bytes_taken) {
    {
        const std::lock_guard lock(mutex_);
        waiting_ns_ = ns;
        queued_bytes_ -= bytes_taken;
    }
    room_.notify_all();
}

void HttpLink::read_stream(std::stop_token stop) {
    protocols::HttpLimits limits;
    limits.silence = kSilence;
    limits.total = milliseconds(0);
    const protocols::HttpClient client(limits);
    protocols::HttpRequest request;
    request.url = url_;
    request.max_bytes = std::numeric_limits<std::int64_t>::max();
    std::string type = "of no type";
    std::vector<std::byte> data;  // gathered until it is a transport stream
    bool begun = false;
    const auto other = [&] {
        return Error{Errc::kBadData,
                     fmt::format("read {}: it is no transport stream but {}; HLS needs a path that "
                                 "ends in .m3u8",
                                 protocols::printable_url(url_),
                                 type)};
    };
    const auto sink = [&](std::span<const std::byte> bytes) -> Status {
        data.insert(data.end(), bytes.begin(), bytes.end());
        begun = begun || holds_transport_stream(data);
        if (!begun && data.size() >= kTsStart) return other();
        if (!begun) return {};
        std::unique_lock lock(mutex_);
        room_.wait(lock, stop, [&] { return queued_bytes_ < kMostBytes; });
        queued_bytes_ += data.size();
        lock.unlock();
        post([ready = std::exchange(data, {})](HttpLink& link) { link.take(ready); });
        return {};
    };
    const auto head = [&](const protocols::HttpHead& answer) -> Status {
        const auto* said = protocols::find_header(answer.headers, "content-type");
        if (said != nullptr) type = process::printable_line(*said, 60);
        return {};
    };
    const auto answer = client.get(request, sink, stop, head);
    if (!answer)
        gone(answer.error());
    else
        gone(begun ? Error{Errc::kEndOfStream, "the server ended the stream"} : other());
}

void HttpLink::take(std::span<const std::byte> bytes) {
    if (auto* feed = owner_->feed(ingest::TsDepacketizer::kClock)) {
        if (!depacketizer_) depacketizer_.emplace(*feed, ingest::TsDepacketizer::Options{program_});
        feed->arrived(clock_.now());
        depacketizer_->push(bytes);
        owner_->delivered();
    }
    set_waiting(0, bytes.size());
}

void HttpLink::read_hls(std::stop_token stop) {
    protocols::HttpLimits limits;
    limits.silence = kSilence;
    const protocols::HttpClient client(limits);
    const auto fetch = [&](const std::string& url,
                           const std::optional<formats::m3u8::ByteRange>& range,
                           std::size_t most) -> Result<HlsObject> {
        HlsObject object;
        protocols::HttpRequest request;
        request.url = url;
        request.max_bytes = most;
        if (range) request.range = protocols::HttpRange{range->offset, range->bytes};
        const auto sink = [&](std::span<const std::byte> bytes) -> Status {
            object.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return {};
        };
        SG_TRY_ASSIGN(auto answer, client.get(request, sink, stop));
        object.url = std::move(answer.url);
        return object;
    };
    HlsFollower::Options options;
    options.url = url_;
    options.max_bandwidth = max_bandwidth_;
    options.left = left_;
    HlsFollower follower(std::move(options), fetch);
    std::mutex sleeping;
    std::condition_variable_any never;
    const auto sleep = [&](milliseconds time) {
        std::unique_lock lock(sleeping);
        never.wait_for(lock, stop, time, [] { return false; });
    };
    int failures = 0;
    while (!stop.stop_requested()) {
        auto round = follower.next(clock_.now());
        if (!round) {
            ++failures;
            if (!may_pass(round.error().code) ||
                (failures >= kPlaylistAttempts && !media_waits())) {
                finish(round.error());
                return;
            }
            sleep(kPlaylistPause);
            continue;
        }
        failures = 0;
        if (!round->units.empty()) {
            post([units = std::make_shared<std::vector<PacedUnit>>(std::move(round->units)),
                  position = follower.position()](HttpLink& link) {
                link.owner_->hls_position() = position;
                link.take_units(std::move(*units));
            });
        }
        if (round->ended) {
            finish({Errc::kEndOfStream, "the presentation has ended"});
            return;
        }
        sleep(round->wait);
        std::unique_lock lock(mutex_);
        room_.wait(lock, stop, [&] { return waiting_ns_ < kMostNs; });
    }
}

void HttpLink::take_units(std::vector<PacedUnit> units) {
    if (!pacer_) {
        pacer_.emplace(
            home_,
            clock_,
            [this](PacedUnit unit) { give(std::move(unit)); },
            [this] {
                if (owner_ == nullptr) return;
                owner_->delivered();
                set_waiting(pacer_->waiting_ns(), 0);
                look_for_end();
            });
    }
    pacer_->add(std::move(units));
    set_waiting(pacer_->waiting_ns(), 0);
}

void HttpLink::give(PacedUnit unit) {
    auto* feed = owner_ == nullptr ? nullptr : owner_->feed(ingest::FragmentDepacketizer::kClock);
    if (feed == nullptr) return;
    feed->arrived(clock_.now());
    for (const int track : unit.ended) feed->on_track_end(track);
    for (const auto& track : unit.tracks) feed->on_track(track);
    feed->on_unit(std::move(unit.unit));
}

class HttpPull final : public PullSource {
  public:
    HttpPull(std::shared_ptr<HttpLink> link, bool hls, const PullContext& context, PullOwner& owner)
        : link_(std::move(link)), hls_(hls), threads_(context.threads), owner_(owner) {}
    ~HttpPull() override { link_->leave(); }

    void start() override {
        auto stop = threads_.run([link = link_, hls = hls_](std::stop_token token) {
            if (hls) {
                link->read_hls(std::move(token));
            } else {
                link->read_stream(std::move(token));
            }
        });
        if (stop) {
            link_->stop_requested(std::move(*stop));
        } else {
            owner_.on_gone(stop.error());
        }
    }

  private:
    std::shared_ptr<HttpLink> link_;
    const bool hls_;
    PullThreads& threads_;
    PullOwner& owner_;
};

/// By its name, as the servers of the world have it.
bool names_playlist(std::string_view url) {
    url = url.substr(0, url.find_first_of("?#"));
    return url.ends_with(".m3u8") || url.ends_with(".m3u");
}

}  // namespace

Result<std::unique_ptr<PullSource>> make_http_pull(const InputSettings& input,
                                                   const PullContext& context,
                                                   PullOwner& owner) {
    return std::unique_ptr<PullSource>(
        std::make_unique<HttpPull>(std::make_shared<HttpLink>(input, context, owner),
                                   names_playlist(input.url),
                                   context,
                                   owner));
}

}  // namespace sg::live
