#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <live/encoder_child.hpp>

#include <base/log.hpp>
#include <engine/live_link.hpp>
#include <process/cpu_time.hpp>
#include <process/proportional_memory.hpp>

#include "encoder_load.hpp"
#include "encoder_session.hpp"
#include "gop_cache.hpp"
#include "unit_queue.hpp"

namespace sg::live {
namespace {

namespace asio = boost::asio;
using Time = Clock::Monotonic;
using std::chrono::milliseconds;

constexpr milliseconds kLook{250};     ///< of the watchdog
constexpr milliseconds kFlowing{750};  ///< a track whose last unit is no older flows
constexpr std::chrono::seconds kMemoryLook{2};
constexpr std::chrono::seconds kHealthy{20};  ///< after so long a failure is the first again
constexpr milliseconds kFirstDelay{500};
constexpr std::chrono::seconds kLongestDelay{30};
/// One that gets this share of a processor neither waits for itself nor turns in a circle: there is
/// too little of the machine for it, which starting anew would not mend.
constexpr double kWaits = 0.02;
constexpr double kTurns = 0.5;
constexpr std::chrono::seconds kStarved{6};
/// What an encoder that died still had in front of it is encoded by the next one.
constexpr std::int64_t kAgain = 2'000'000'000;

std::chrono::milliseconds delay_after(unsigned failures) {
    if (failures <= 1) return milliseconds(0);
    return std::min<milliseconds>(kFirstDelay * (1U << std::min(failures - 2, 8U)), kLongestDelay);
}

Result<packagers::LiveRenditionConfig> rendition_config(const engine::LiveRenditionInfo& info) {
    packagers::LiveRenditionConfig config;
    SG_TRY_ASSIGN(config.codec, formats::make_codec_config(info.codec, info.extradata));
    config.name = info.name;
    config.annex_b = config.codec.from_annex_b;
    if (!info.language.empty()) config.language = info.language;
    config.label = info.label;
    config.is_default = info.is_default;
    config.source_track = info.source_track;
    return config;
}

class EncoderChild final : public LiveEncoder, private EncoderSession::Owner {
  public:
    EncoderChild(EncoderChildSettings settings,
                 asio::io_context& home,
                 EncoderOutput& output,
                 const Clock& clock,
                 Metrics& metrics)
        : settings_(std::move(settings)),
          home_(home),
          output_(output),
          clock_(clock),
          metrics_(metrics),
          timer_(home),
          queue_({settings_.queue}),
          load_(settings_.channel, metrics, clock) {
        const MetricLabels labels{{"channel", settings_.channel}};
        restarts_ = metrics.counter("streamgate_encoder_restarts_total",
                                    "Encoding children that ended before their channel.",
                                    labels);
        delay_ = metrics.gauge(
            "streamgate_encoder_delay_seconds",
            "Media time from what came last to what the slowest rendition has encoded.",
            labels);
    }
    ~EncoderChild() override {
        if (session_) session_->end();
    }

    void track(const ingest::LiveTrack& track) override;
    void track_end(int track) override;
    void unit(ingest::TimedUnit unit) override;
    void discontinuity(std::int64_t at_ns) override;
    void finish() override;
    [[nodiscard]] bool done() const override { return finished_ && !session_; }

  private:
    struct Track {
        engine::LiveSourceTrack described;
        bool video = false;
        bool needs_key = true;
        Time since{};  ///< it has been flowing
        Time last{};
    };
    struct Rendition {
        std::string name;
        int track = 0;
        Time last{};
    };

    void start();
    void go_on();
    void failed(std::string how);
    void steer(std::string message);
    void pump();
    void arm();
    void look();
    [[nodiscard]] std::string trouble(Time now);
    [[nodiscard]] bool starves(Time now) const;
    void take(engine::LiveRenditions message);
    void take(engine::LiveEncodedSample sample);
    void take(engine::LiveDropped) { load_.lost(1); }

    void on_message(std::string payload) override;
    void on_batch() override;
    void on_writable() override { pump(); }
    void on_gone(std::string how) override { failed(std::move(how)); }

    EncoderChildSettings settings_;
    asio::io_context& home_;
    EncoderOutput& output_;
    const Clock& clock_;
    Metrics& metrics_;
    asio::steady_timer timer_;
    bool looking_ = false;

    std::map<int, Track> tracks_;
    UnitQueue queue_;
    GopCache recent_{{}};
    EncoderLoad load_;
    std::shared_ptr<EncoderSession> session_;
    std::vector<Rendition> renditions_;
    Time started_{};
    Time first_input_{};
    Time last_input_{};
    Time next_start_{};
    Time memory_looked_{};
    Time looked_{};
    /// The last look at which something new had come, and the processor time used until then.
    Time heard_{};
    std::chrono::nanoseconds cpu_heard_{};
    bool heard_any_ = false;
    unsigned failures_ = 0;
    bool finished_ = false;
    std::int64_t newest_in_ns_ = 0;

    Counter restarts_;
    Gauge delay_;
};

void EncoderChild::start() {
    const auto now = clock_.now();
    if (session_ || finished_ || now < next_start_) return;
    auto session = EncoderSession::start(settings_, home_, *this);
    started_ = looked_ = heard_ = now;
    cpu_heard_ = {};
    first_input_ = {};
    memory_looked_ = now;
    renditions_.clear();
    load_.end();
    queue_.clear();
    if (!session) {
        failed(session.error().message);
        return;
    }
    session_ = std::move(*session);
    log::info("live_encoder_started channel={} pid={}", settings_.channel, session_->pid());
    for (auto& [id, track] : tracks_) {
        track.needs_key = true;
        steer(engine::encode(track.described));
    }
    go_on();
}

/// In the middle of a GOP: what the one before it has made is only decoded, what it had not got to
/// is encoded.
void EncoderChild::go_on() {
    const auto from = std::max(load_.newest_ns(), newest_in_ns_ - kAgain);
    for (const auto& unit : recent_.units()) {
        auto& track = tracks_.at(unit.track);
        if (unit.pts_ns > from)
            queue_.push({unit.track, track.video, unit.key, unit.dts_ns}, engine::encode(unit));
        else if (track.video)
            queue_.steer(engine::encode(engine::LivePast{unit}));
        track.needs_key = false;
    }
    if (!recent_.units().empty()) first_input_ = clock_.now();
    pump();
}

/// The child is gone, or never was.
void EncoderChild::failed(std::string how) {
    if (session_) session_->end();
    session_.reset();
    queue_.clear();
    renditions_.clear();
    load_.end();
    if (finished_) {
        output_.on_encoder_done();
        return;
    }
    const auto now = clock_.now();
    failures_ = now - started_ > kHealthy ? 1 : failures_ + 1;
    // It may be what they stumble over.
    if (failures_ > 1) recent_.clear();
    const auto delay = delay_after(failures_);
    next_start_ = now + delay;
    restarts_.add();
    if (failures_ < 3) {
        log::warn("live_encoder_failed channel={} how=\"{}\" next=\"{}\"",
                  settings_.channel,
                  how,
                  recent_.units().empty() ? "from the next key frame" : "from where it was");
    } else {
        log::error("live_encoder_failed channel={} how=\"{}\" in_a_row={} next=\"in {} ms\"",
                   settings_.channel,
                   how,
                   failures_,
                   delay.count());
    }
    // At once, so that nothing is lost, or it is ready by the next key frame.
    if (delay.count() == 0 && now - last_input_ < kFlowing) start();
}

void EncoderChild::steer(std::string message) {
    if (!session_) return;
    queue_.steer(std::move(message));
    pump();
}

void EncoderChild::track(const ingest::LiveTrack& track) {
    auto& entry = tracks_[track.id];
    entry.described = engine::live_source_track(track);
    entry.video = formats::is_video(track.config.codec);
    entry.needs_key = true;
    recent_.forget(track.id);
    steer(engine::encode(entry.described));
}

void EncoderChild::track_end(int track) {
    tracks_.erase(track);
    recent_.forget(track);
    steer(engine::encode(engine::LiveTrackEnd{track}));
}

void EncoderChild::discontinuity(std::int64_t at_ns) {
    for (auto& [id, track] : tracks_) track.needs_key = true;
    recent_.clear();
    steer(engine::encode(engine::LiveBreak{at_ns}));
}

void EncoderChild::finish() {
    if (std::exchange(finished_, true)) return;
    steer(engine::encode(engine::LiveFinish{}));
}

void EncoderChild::unit(ingest::TimedUnit unit) {
    const auto found = tracks_.find(unit.track);
    if (found == tracks_.end() || finished_) return;
    auto& track = found->second;
    const auto now = clock_.now();
    if (now - track.last > kFlowing) track.since = now;
    track.last = last_input_ = now;
    newest_in_ns_ = std::max(newest_in_ns_, unit.dts_ns);
    if (!session_) start();
    arm();
    recent_.add(unit, track.video);
    if (!session_) return;
    if (track.video && track.needs_key && !unit.key) return;
    track.needs_key = false;
    if (first_input_ == Time{}) first_input_ = now;
    const UnitQueue::Unit described{unit.track, track.video, unit.key, unit.dts_ns};
    const auto before = queue_.dropped();
    queue_.push(described, engine::encode(unit));
    load_.lost(queue_.dropped() - before);
    pump();
}

void EncoderChild::pump() {
    while (session_ && session_->writable()) {
        auto message = queue_.pop();
        if (!message) return;
        session_->send(std::move(*message));
    }
}

void EncoderChild::on_message(std::string payload) {
    auto message = engine::decode_live_output(payload);
    if (!message) {
        failed(message.error().message);
        return;
    }
    std::visit([this](auto& each) { take(std::move(each)); }, *message);
}

void EncoderChild::take(engine::LiveRenditions message) {
    const auto now = clock_.now();
    std::vector<packagers::LiveRenditionConfig> configs;
    std::vector<DeclaredRate> rates;
    std::vector<EncoderLoad::Rung> rungs;
    renditions_.clear();
    for (const auto& info : message.renditions) {
        auto config = rendition_config(info);
        if (!config) {
            failed(config.error().message);
            return;
        }
        configs.push_back(std::move(*config));
        rates.push_back({info.peak, info.average});
        rungs.push_back({info.name, info.frame_ns});
        renditions_.push_back({info.name, info.source_track, now});
    }
    heard_any_ = true;
    load_.begin(rungs);
    output_.on_encoded_renditions(std::move(configs), std::move(rates));
}

void EncoderChild::take(engine::LiveEncodedSample sample) {
    if (sample.rendition >= renditions_.size()) {
        failed("it sent a sample of no rendition");
        return;
    }
    renditions_[sample.rendition].last = clock_.now();
    heard_any_ = true;
    load_.encoded(sample.rendition, sample.pts_ns, sample.dts_ns);
    packagers::LiveSample out;
    out.pts_ns = sample.pts_ns;
    out.dts_ns = sample.dts_ns;
    out.key = sample.key;
    out.data = std::move(sample.data);
    output_.on_encoded(sample.rendition, std::move(out));
}

void EncoderChild::on_batch() {
    output_.on_encoded_batch();
}

/// The watchdog runs while media flows, and not otherwise.
void EncoderChild::arm() {
    if (std::exchange(looking_, true)) return;
    timer_.expires_after(kLook);
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        looking_ = false;
        look();
    });
}

void EncoderChild::look() {
    const auto now = clock_.now();
    load_.look();
    if (session_ && !renditions_.empty())
        delay_.set(static_cast<double>(newest_in_ns_ - load_.oldest_ns(newest_in_ns_)) / 1e9);
    if (std::exchange(heard_any_, false) && session_) {
        heard_ = now;
        cpu_heard_ = process::cpu_time(session_->pid()).value_or(cpu_heard_);
    }
    // What it sent may wait while this thread has no time itself.
    const bool late = now - std::exchange(looked_, now) > 3 * kLook;
    if (auto how = session_ && !late ? trouble(now) : std::string(); !how.empty())
        failed(std::move(how));
    if (now - last_input_ < kFlowing) arm();
}

bool EncoderChild::starves(Time now) const {
    const auto used = process::cpu_time(session_->pid());
    const std::chrono::duration<double> passed = now - heard_;
    if (!used || passed.count() <= 0) return false;
    const auto share = std::chrono::duration<double>(*used - cpu_heard_).count() / passed.count();
    return share > kWaits && share < kTurns;
}

std::string EncoderChild::trouble(Time now) {
    if (now - memory_looked_ >= kMemoryLook) {
        memory_looked_ = now;
        const auto used = process::proportional_memory(session_->pid());
        if (used && *used > settings_.memory_limit_bytes) {
            return fmt::format("it used {} MB of memory, over its limit of {} MB",
                               *used / 1'000'000,
                               settings_.memory_limit_bytes / 1'000'000);
        }
    }
    if (renditions_.empty()) {
        const bool late = first_input_ != Time{} && now - first_input_ > settings_.start;
        return late ? "it made nothing of what came" : "";
    }
    const auto hang =
        starves(now) ? std::max<milliseconds>(settings_.hang, kStarved) : settings_.hang;
    // One rung may be slow for a while; a child of which nothing comes at all hangs.
    Time any{};
    for (const auto& r : renditions_) any = std::max(any, r.last);
    for (const auto& r : renditions_) {
        const auto track = tracks_.find(r.track);
        if (track == tracks_.end() || now - track->second.last > kFlowing) continue;
        if (track->second.needs_key) continue;
        const auto since = track->second.since;
        if (now - std::max(any, since) > hang || now - std::max(r.last, since) > settings_.start) {
            return fmt::format("it hangs: nothing of {} came for {} ms",
                               r.name,
                               std::chrono::duration_cast<milliseconds>(now - r.last).count());
        }
    }
    return {};
}

}  // namespace

std::unique_ptr<LiveEncoder> make_encoder_child(EncoderChildSettings settings,
                                                asio::io_context& home,
                                                EncoderOutput& output,
                                                const Clock& clock,
                                                Metrics& metrics) {
    return std::make_unique<EncoderChild>(std::move(settings), home, output, clock, metrics);
}

}  // namespace sg::live
