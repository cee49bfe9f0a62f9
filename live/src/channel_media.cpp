#include "channel_media.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <base/log.hpp>

namespace sg::live {
namespace {

/// A track that nothing came of for so long is not waited for any more: its rendition ends.
constexpr auto kTrackGone = std::chrono::seconds(10);

constexpr auto kGridEarly = std::chrono::milliseconds(50);

WindowConfig window_config(const ChannelSettings& settings,
                           bool fixed_grid,
                           const ChannelContinuation* before) {
    const auto& output = settings.output;
    WindowConfig config;
    config.target_seconds = output.target.count();
    config.segment = output.segment;
    config.part_target = output.part;
    config.low_latency = output.low_latency;
    config.hls = output.hls;
    config.dash = output.dash;
    config.ts = output.ts;
    config.fixed_grid = fixed_grid;
    const bool on_disk = output.event || output.dvr.count() > 0;
    config.length = output.event ? std::chrono::seconds(0) : std::max(output.window, output.dvr);
    // What a live player asks for comes from memory, the past from disk.
    if (on_disk) config.memory_segments = 8;
    if (before != nullptr && before->next_number > 0) {
        config.discontinuity_sequence = before->discontinuities - before->discontinuities_restored;
        config.availability_start = before->availability_start;
    }
    return config;
}

std::string rendition_name(bool video, const std::string& language, std::set<std::string>& taken) {
    std::string name = video ? "video" : "audio";
    if (!video && !language.empty() && language != "und") name += "-" + language;
    const auto base = name;
    for (int n = 2; !taken.insert(name).second; ++n) name = fmt::format("{}-{}", base, n);
    return name;
}

/// Nothing that is packaged changes.
bool same_track(const ingest::LiveTrack& a, const ingest::LiveTrack& b) {
    return a.config.codec == b.config.codec && a.config.payload == b.config.payload &&
           a.config.video == b.config.video && a.annex_b == b.annex_b &&
           a.config.nal_length_size == b.config.nal_length_size && a.language == b.language;
}

}  // namespace

ChannelMedia::ChannelMedia(const ChannelSettings& settings, Start start, const Clock& clock)
    : name_(settings.name),
      output_(settings.output),
      start_(std::move(start)),
      clock_(clock),
      arrival_(clock.now()),
      dates_(clock.wall(), clock.now()),
      window_(window_config(settings, start_.fixed_grid, start_.continuation)) {
    if (start_.continuation != nullptr) restore(*start_.continuation);
}

void ChannelMedia::restore(ChannelContinuation& before) {
    if (before.not_before) dates_.not_before(*before.not_before);
    for (auto& restored : before.segments) {
        const auto& name = restored.segment.init->description.rendition;
        if (restored.rendition >= window_names_.size())
            window_names_.resize(restored.rendition + 1);
        window_names_[restored.rendition] = name;
        window_.restore(restored.rendition, std::move(restored.segment), std::move(restored.where));
    }
    before.segments = {};
}

std::size_t ChannelMedia::in_window(std::size_t rendition) const {
    return rendition < in_window_.size() ? in_window_[rendition] : rendition;
}

void ChannelMedia::stored(std::size_t rendition, std::int64_t number, MediaBytes where) {
    window_.stored(in_window(rendition), number, std::move(where));
}

void ChannelMedia::add_observer(std::unique_ptr<ChannelObserver> observer) {
    observers_.push_back(std::move(observer));
}

std::shared_ptr<const ChannelView> ChannelMedia::changed_view() {
    if (!std::exchange(dirty_, false)) return nullptr;
    return window_.view(clock_.wall());
}

void ChannelMedia::advance(Clock::Monotonic now) {
    arrival_ = now;
    bool gone = false;
    for (auto it = tracks_.begin(); it != tracks_.end();) {
        if (tracks_.size() > 1 && it->second.gone_since &&
            now - *it->second.gone_since >= kTrackGone) {
            log::info("live_track_gone channel={} track={}", name_, it->first);
            for (auto& observer : observers_) observer->on_track_end(it->first);
            it = tracks_.erase(it);
            gone = true;
        } else {
            ++it;
        }
    }
    if (gone && encoder_ == nullptr) want(Rebuild::kAtKey);
}

std::optional<Clock::Monotonic> ChannelMedia::deadline() const {
    std::optional<Clock::Monotonic> first;
    if (tracks_.size() < 2) return first;
    for (const auto& [id, track] : tracks_) {
        if (!track.gone_since) continue;
        const auto due = *track.gone_since + kTrackGone;
        if (!first || due < *first) first = due;
    }
    return first;
}

bool ChannelMedia::drain() {
    if (finished_ || encoder_ == nullptr) return true;
    encoder_->finish();
    return encoder_->done();
}

void ChannelMedia::finish(bool may_continue) {
    if (std::exchange(finished_, true)) return;
    if (packager_) report(packager_->finish());
    if (!may_continue) window_.end();
    dirty_ = true;
    for (auto& observer : observers_) observer->on_end(may_continue);
    observers_.clear();
    encoder_.reset();
}

void ChannelMedia::on_track(const ingest::LiveTrack& track) {
    auto& entry = tracks_[track.id];
    // It was gone for less than tracks are waited for: its rendition goes on.
    const bool is_back = entry.packaged && entry.gone_since && same_track(entry.described, track);
    // What is packaged goes on beside a track that is new.
    const bool is_new = packager_ && !entry.packaged;
    entry.described = track;
    entry.gone_since.reset();
    for (auto& observer : observers_) observer->on_track(track);
    if (encoder_)
        encoder_->track(track);
    else if (!is_back)
        want(is_new ? Rebuild::kAtKey : Rebuild::kNow);
}

void ChannelMedia::on_unit(ingest::TimedUnit unit) {
    if (finished_) return;
    dates_.observe(unit.dts_ns, Clock::Monotonic(std::chrono::nanoseconds(unit.arrival_ns)));
    for (auto& observer : observers_) observer->on_unit(unit);
    if (encoder_) {
        encoder_->unit(std::move(unit));
        return;
    }
    if (may_rebuild(unit) && !rebuild()) return;
    const auto found = tracks_.find(unit.track);
    if (found == tracks_.end() || !found->second.packaged) return;
    report(packager_->add(found->second.rendition,
                          {unit.pts_ns, unit.dts_ns, unit.key, std::move(unit.data)}));
    tell_of_long_gops();
}

void ChannelMedia::on_marker(ingest::TimedMarker marker) {
    if (finished_ || marker.kind != ingest::LiveMarker::Kind::kScte35) return;
    const auto date = date_at(marker.time_ns);
    if (!date) return;
    const auto line = breaks_.line(marker.data, *date);
    if (!line) return;
    log::info("live_break channel={} date_range={}", name_, line->substr(17, 60));
    window_.announce(*line);
    dirty_ = dirty_ || output_.low_latency;
}

void ChannelMedia::on_track_end(int track) {
    const auto found = tracks_.find(track);
    if (found == tracks_.end()) return;
    found->second.gone_since = arrival_;
    if (encoder_) encoder_->track_end(track);
}

void ChannelMedia::on_discontinuity(const ingest::TimelineDiscontinuity& discontinuity) {
    dates_.restart();
    for (auto& observer : observers_) observer->on_discontinuity(discontinuity.at_ns);
    if (encoder_)
        encoder_->discontinuity(discontinuity.at_ns);
    else if (packager_)
        want(Rebuild::kNow);
}

void ChannelMedia::on_rendition(std::size_t rendition,
                                const std::shared_ptr<const packagers::LiveInit>& init) {
    const auto& name = init->description.rendition;
    renditions_[name] = rendition;
    if (in_window_.size() <= rendition) in_window_.resize(rendition + 1);
    const auto known = std::find(window_names_.begin(), window_names_.end(), name);
    const auto place = static_cast<std::size_t>(known - window_names_.begin());
    if (known == window_names_.end()) window_names_.push_back(name);
    in_window_[rendition] = place;
    window_.set_rendition(place, init);
    inits_[rendition] = init;
    if (output_.ts) choose_ts();
    if (const auto rate = rates_.find(name); rate != rates_.end())
        window_.declare_rate(place, rate->second);
    for (auto& observer : observers_) observer->on_rendition(rendition, init);
    dirty_ = true;
}

void ChannelMedia::on_rendition_end(std::size_t rendition) {
    window_.end_rendition(in_window(rendition));
    for (auto& observer : observers_) observer->on_rendition_end(rendition);
    inits_.erase(rendition);
    if (output_.ts) choose_ts();
    dirty_ = true;
}

void ChannelMedia::on_segment_start(std::size_t rendition, const packagers::LiveSegment& segment) {
    if (const auto epoch = dates_.arrival_of(0)) window_.follow(*epoch);
    window_.start_segment(in_window(rendition), segment);
}

void ChannelMedia::on_part(std::size_t rendition, const packagers::LivePart& part) {
    window_.add_part(in_window(rendition), part);
    for (auto& observer : observers_) observer->on_part(rendition, part);
    dirty_ = dirty_ || output_.low_latency;
}

void ChannelMedia::on_segment_end(std::size_t rendition,
                                  std::shared_ptr<const packagers::LiveSegment> segment) {
    ++segments_;
    for (auto& observer : observers_) observer->on_segment(rendition, segment);
    window_.end_segment(in_window(rendition), segment);
    if (output_.ts) add_ts(rendition, segment);
    dirty_ = true;
}

void ChannelMedia::choose_ts() {
    auto before = std::exchange(ts_, {});
    // One that writes the same goes on, with what waits in it.
    const auto choose = [&](std::size_t main, std::optional<std::size_t> sound) {
        const auto same = before.find(main);
        if (same != before.end() && same->second.audio() == sound)
            ts_.insert(before.extract(same));
        else
            ts_.emplace(main, packagers::LiveTsWriter(main, sound));
    };
    std::optional<std::size_t> audio;
    for (const auto& [rendition, init] : inits_) {
        if (init->description.type != packagers::TrackType::kAudio) continue;
        if (!audio || init->description.is_default) audio = rendition;
    }
    for (const auto& [rendition, init] : inits_) {
        if (init->description.type == packagers::TrackType::kVideo) choose(rendition, audio);
    }
    if (ts_.empty() && audio) choose(*audio, std::nullopt);
}

void ChannelMedia::add_ts(std::size_t rendition,
                          const std::shared_ptr<const packagers::LiveSegment>& segment) {
    for (auto& [main, writer] : ts_) {
        auto made = writer.add(rendition, segment);
        if (!made) {
            report(made.error());
            continue;
        }
        for (auto& each : *made)
            window_.set_ts(in_window(main), each.number, std::move(each.bytes));
    }
}

std::optional<packagers::WallTime> ChannelMedia::date_at(std::int64_t ns) {
    dates_.observe_wall(clock_.wall(), clock_.now());
    return dates_.date_of(ns);
}

void ChannelMedia::on_encoded_renditions(std::vector<packagers::LiveRenditionConfig> renditions,
                                         std::vector<DeclaredRate> rates) {
    if (finished_) return;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < renditions.size(); ++i) {
        names.push_back(renditions[i].name);
        if (i < rates.size()) rates_[names.back()] = rates[i];
    }
    if (!renew(std::move(renditions))) return;
    encoded_.clear();
    for (const auto& name : names) encoded_.push_back(renditions_[name]);
}

void ChannelMedia::on_encoded(std::size_t rendition, packagers::LiveSample sample) {
    if (packager_ && !finished_ && rendition < encoded_.size())
        report(packager_->add(encoded_[rendition], std::move(sample)));
}

void ChannelMedia::on_encoded_batch() {
    if (on_batch) on_batch();
}

void ChannelMedia::on_encoder_done() {
    if (on_drained) on_drained();
}

std::vector<packagers::LiveRenditionConfig> ChannelMedia::renditions_of_tracks() {
    std::vector<packagers::LiveRenditionConfig> configs;
    std::set<std::string> taken;
    bool has_audio = false;
    for (const bool video : {true, false}) {
        for (auto& [id, track] : tracks_) {
            if (formats::is_video(track.described.config.codec) != video) continue;
            packagers::LiveRenditionConfig config;
            config.name = rendition_name(video, track.described.language, taken);
            config.codec = track.described.config;
            config.annex_b = track.described.annex_b;
            if (!track.described.language.empty()) config.language = track.described.language;
            config.is_default = !video && !std::exchange(has_audio, true);
            config.source_track = id;
            track.packaged = true;
            configs.push_back(std::move(config));
        }
    }
    return configs;
}

bool ChannelMedia::may_rebuild(const ingest::TimedUnit& unit) const {
    if (rebuild_ != Rebuild::kAtKey) return rebuild_ == Rebuild::kNow;
    bool pictures = false;
    for (const auto& [id, track] : tracks_) {
        if (!formats::is_video(track.described.config.codec)) continue;
        if (id == unit.track && unit.key) return true;
        pictures = pictures || track.packaged;
    }
    return !pictures;
}

bool ChannelMedia::rebuild() {
    rebuild_ = Rebuild::kNo;
    auto configs = renditions_of_tracks();
    if (configs.empty()) return false;
    std::vector<std::pair<int, std::string>> names;
    for (const auto& config : configs) names.emplace_back(config.source_track, config.name);
    if (!renew(std::move(configs))) {
        // Nothing is packaged of what was refused, until a track is announced anew.
        for (auto& [id, track] : tracks_) track.packaged = false;
        return false;
    }
    for (const auto& [track, name] : names) tracks_.at(track).rendition = renditions_[name];
    return true;
}

bool ChannelMedia::renew(std::vector<packagers::LiveRenditionConfig> renditions) {
    if (packager_) {
        auto status = packager_->discontinuity(std::move(renditions));
        report(status);
        return status.has_value();
    }
    packagers::LivePackagerConfig config;
    config.epoch = start_.epoch;
    if (start_.continuation != nullptr) config.first_number = start_.continuation->next_number;
    config.continues = config.first_number > 0;
    config.segment = output_.segment;
    // Where a GOP is no whole number of frames, one is a frame shorter than the other.
    if (start_.fixed_grid) config.early = kGridEarly;
    config.aligned = start_.fixed_grid;
    config.target = output_.target;
    config.part_target = output_.part;
    auto packager = packagers::LivePackager::create(config, std::move(renditions), *this);
    if (!packager) {
        report(packager.error());
        return false;
    }
    packager_.emplace(std::move(*packager));
    // Renditions of an earlier run that did not come back.
    for (std::size_t place = 0; place < window_names_.size(); ++place)
        if (!renditions_.contains(window_names_[place])) window_.end_rendition(place);
    return true;
}

void ChannelMedia::tell_of_long_gops() {
    if (packager_->counts().forced_cuts == 0 || std::exchange(long_gops_told_, true)) return;
    log::warn(
        "live_long_gops channel={} target_s={} note=\"key frames are further apart than "
        "output.target: set an interval of 1 or 2 s in the encoder\"",
        name_,
        output_.target.count());
}

void ChannelMedia::report(const Status& status) {
    if (status) return;
    // The first of a kind is news; the metric counts the rest.
    if (refused_++ == 0)
        log::warn("live_packaging channel={} error=\"{}\"", name_, status.error().message);
    else
        log::debug("live_packaging channel={} error=\"{}\"", name_, status.error().message);
}

}  // namespace sg::live
