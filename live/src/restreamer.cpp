#include <algorithm>
#include <random>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <live/restreamer.hpp>

#include <base/log.hpp>
#include <formats/codec_config.hpp>

namespace sg::live {
namespace {

constexpr auto kLinger = std::chrono::seconds(2);

}  // namespace

struct Restreamer::State : std::enable_shared_from_this<State> {
    State(std::string channel_name,
          std::string target_name,
          RestreamLinkFactory make,
          boost::asio::io_context& home,
          const Clock& time,
          const RestreamBackOff& waits)
        : channel(std::move(channel_name)),
          target(std::move(target_name)),
          make_link(std::move(make)),
          clock(time),
          back_off(waits),
          wait(waits.first),
          timer(home) {}

    void connect();
    void ready();
    void closed(const Error& why);
    void announce(const ingest::LiveTrack& track);
    void send(const ingest::TimedUnit& unit);
    void count_bytes();
    [[nodiscard]] bool has_video() const;

    std::string channel;
    std::string target;
    RestreamLinkFactory make_link;
    const Clock& clock;
    RestreamBackOff back_off;
    std::chrono::milliseconds wait;
    boost::asio::steady_timer timer;
    std::minstd_rand random{std::random_device{}()};
    std::map<int, ingest::LiveTrack> tracks;
    std::map<int, bool> carried;
    std::unique_ptr<RestreamLink> link;
    std::optional<Clock::Monotonic> ready_since;
    bool started = false;
    bool ended = false;
    bool needs_key = true;
    std::uint64_t counted_bytes = 0;

    Gauge connected;
    Counter sent_bytes;
    Counter dropped_units;
    Counter reconnects;
};

bool Restreamer::State::has_video() const {
    return std::any_of(tracks.begin(), tracks.end(), [&](const auto& entry) {
        const auto found = carried.find(entry.first);
        return formats::is_video(entry.second.config.codec) &&
               (found == carried.end() || found->second);
    });
}

void Restreamer::State::connect() {
    auto made = make_link();
    if (!made) {
        closed(made.error());
        return;
    }
    link = std::move(*made);
    RestreamLink::Events events;
    events.ready = [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->ready();
    };
    events.closed = [weak = weak_from_this()](const Error& why) {
        if (const auto self = weak.lock()) self->closed(why);
    };
    counted_bytes = 0;
    link->start(std::move(events));
}

void Restreamer::State::ready() {
    ready_since = clock.now();
    needs_key = true;
    connected.set(1);
    log::info("restream_connected channel={} target={}", channel, target);
    carried.clear();
    for (const auto& [id, track] : tracks) announce(track);
}

void Restreamer::State::closed(const Error& why) {
    const auto now = clock.now();
    if (link) count_bytes();
    if (ready_since && now - *ready_since >= back_off.good) wait = back_off.first;
    ready_since.reset();
    connected.set(0);
    if (ended) return;
    // Half of the time is chance, so that channels do not come back all at once.
    std::uniform_int_distribution<std::int64_t> chance(wait.count() / 2, wait.count());
    const std::chrono::milliseconds pause(chance(random));
    wait = std::min(2 * wait, back_off.longest);
    log::warn("restream_lost channel={} target={} reason=\"{}\" again_in_ms={}",
              channel,
              target,
              why.message,
              pause.count());
    timer.expires_after(pause);
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& failed) {
        const auto self = weak.lock();
        if (failed || !self || self->ended) return;
        self->link.reset();
        self->reconnects.add();
        self->connect();
    });
}

void Restreamer::State::announce(const ingest::LiveTrack& track) {
    const auto status = link->track(track);
    carried[track.id] = status.has_value();
    if (!status)
        log::warn("restream_track_left_out channel={} target={} reason=\"{}\"",
                  channel,
                  target,
                  status.error().message);
}

void Restreamer::State::send(const ingest::TimedUnit& unit) {
    if (!link || !ready_since) return;
    const auto track = tracks.find(unit.track);
    if (track == tracks.end() || !carried[unit.track]) return;
    const bool video = formats::is_video(track->second.config.codec);
    if (needs_key) {
        // Sound before the first picture would make players wait for it.
        if (has_video() && !(video && unit.key)) {
            dropped_units.add();
            return;
        }
        needs_key = false;
    }
    if (!link->unit(unit)) {
        dropped_units.add();
        needs_key = true;
    }
    count_bytes();
}

void Restreamer::State::count_bytes() {
    const auto sent = link->sent_bytes();
    if (sent > counted_bytes) sent_bytes.add(sent - counted_bytes);
    counted_bytes = std::max(counted_bytes, sent);
}

Restreamer::Restreamer(std::string channel,
                       std::string target,
                       RestreamLinkFactory make_link,
                       boost::asio::io_context& home,
                       const Clock& clock,
                       Metrics& metrics,
                       const RestreamBackOff& back_off)
    : state_(std::make_shared<State>(
          std::move(channel), std::move(target), std::move(make_link), home, clock, back_off)) {
    auto& state = *state_;
    const MetricLabels labels{{"channel", state.channel}, {"target", state.target}};
    state.connected =
        metrics.gauge("streamgate_restream_connected", "1 while the target takes it.", labels);
    state.sent_bytes = metrics.counter(
        "streamgate_restream_sent_bytes_total", "Bytes sent on to the target.", labels);
    state.dropped_units =
        metrics.counter("streamgate_restream_dropped_units_total",
                        "Pictures and audio frames that a slow target had no room for, and those "
                        "before a key frame.",
                        labels);
    state.reconnects = metrics.counter(
        "streamgate_restream_reconnects_total", "Times the target was called again.", labels);
}

Restreamer::~Restreamer() {
    on_end(false);
}

void Restreamer::on_track(const ingest::LiveTrack& track) {
    auto& state = *state_;
    state.tracks[track.id] = track;
    if (!state.started) {
        state.started = true;
        state.connect();
    } else if (state.link && state.ready_since) {
        state.announce(track);
    }
}

void Restreamer::on_track_end(int track) {
    state_->tracks.erase(track);
}

void Restreamer::on_unit(const ingest::TimedUnit& unit) {
    state_->send(unit);
}

void Restreamer::on_end(bool /*may_continue*/) {
    auto& state = *state_;
    if (std::exchange(state.ended, true)) return;
    state.timer.cancel();
    if (!state.link) return;
    if (state.ready_since) state.count_bytes();
    state.connected.set(0);
    state.link->finish();
    // What waits has a moment to leave.
    auto linger = std::make_shared<boost::asio::steady_timer>(state.timer.get_executor(), kLinger);
    linger->async_wait([linger, link = std::shared_ptr<RestreamLink>(std::move(state.link))](
                           const boost::system::error_code&) {});
}

}  // namespace sg::live
