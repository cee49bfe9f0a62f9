#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <packagers/live_packager.hpp>

namespace sg::packagers {
namespace {

using std::chrono::nanoseconds;

/// Two encoders' key frames of one time.
constexpr std::int64_t kSamePictureNs = 4'000'000;
/// A rendition that comes a little after the border begins there itself; later than this, the
/// segment has a hole at its start.
constexpr std::int64_t kLateStartNs = 100'000'000;
/// EXTINF is rounded: a target of 6 s allows 6.5 s. Other renditions may be an audio frame longer.
constexpr std::int64_t kRoundedUpNs = 400'000'000;

/// Further ahead than this is another timeline, not a hole to fill with segments.
constexpr std::int64_t kMaxHoleNs = 600'000'000'000;

bool same_config(const LiveRenditionConfig& a, const LiveRenditionConfig& b) {
    return a.name == b.name && a.codec.codec == b.codec.codec &&
           a.codec.payload == b.codec.payload && a.codec.sample_entry == b.codec.sample_entry &&
           a.language == b.language && a.label == b.label && a.is_default == b.is_default &&
           a.source_track == b.source_track && a.codec.video == b.codec.video &&
           a.codec.audio.sample_rate == b.codec.audio.sample_rate &&
           a.codec.audio.channels == b.codec.audio.channels && a.annex_b == b.annex_b;
}

}  // namespace

Result<LivePackager> LivePackager::create(LivePackagerConfig config,
                                          std::vector<LiveRenditionConfig> renditions,
                                          LiveOutput& output) {
    if (config.segment > config.target || config.segment <= nanoseconds(0) ||
        config.part_target <= nanoseconds(0))
        return Error{Errc::kInvalidArgument,
                     "package a live channel: segments must last more than 0 and not more than the "
                     "target duration, parts more than 0"};
    LivePackager packager(std::move(config), output);
    SG_TRY(packager.set_renditions(std::move(renditions)));
    return packager;
}

Status LivePackager::set_renditions(std::vector<LiveRenditionConfig> configs) {
    if (configs.empty())
        return Error{Errc::kInvalidArgument, "package a live channel: it has no rendition"};
    std::vector<bool> kept(renditions_.size(), false);
    for (LiveRenditionConfig& config : configs) {
        const auto found = std::find_if(renditions_.begin(), renditions_.end(), [&](const auto& r) {
            return r->writer.config().name == config.name;
        });
        const auto index = static_cast<std::size_t>(found - renditions_.begin());
        if (found != renditions_.end() && kept[index])
            return Error{
                Errc::kInvalidArgument,
                fmt::format("package a live channel: two renditions are named {}", config.name)};
        if (found != renditions_.end() && (*found)->active &&
            same_config((*found)->writer.config(), config)) {
            kept[index] = true;
            continue;
        }
        SG_TRY_ASSIGN(LiveRenditionWriter writer,
                      LiveRenditionWriter::create(
                          std::move(config), config_.offset, config_.part_target, config_.segment));
        output_->on_rendition(index, writer.init());
        if (found == renditions_.end()) {
            renditions_.push_back(std::make_unique<Rendition>(std::move(writer)));
            kept.push_back(true);
        } else {
            *found = std::make_unique<Rendition>(std::move(writer));
            kept[index] = true;
        }
    }
    leader_ = renditions_.size();
    for (std::size_t i = 0; i < renditions_.size(); ++i) {
        Rendition& r = *renditions_[i];
        if (r.active && !kept[i]) {
            r.active = false;
            output_->on_rendition_end(i);
        }
        if (!r.active) continue;
        if (leader_ == renditions_.size() || leads_better(r, *renditions_[leader_])) leader_ = i;
    }
    return {};
}

bool LivePackager::leads_better(const Rendition& r, const Rendition& leader) const {
    if (!r.writer.is_video() || !leader.writer.is_video())
        return r.writer.is_video() && !leader.writer.is_video();
    const auto pixels = [](const Rendition& of) {
        const auto& video = of.writer.config().codec.video;
        return std::uint64_t{video.width} * video.height;
    };
    return config_.aligned && pixels(r) < pixels(leader);
}

std::int64_t LivePackager::next_number() const {
    return borders_.empty() ? next_number_ : borders_.back().number + 1;
}

const LivePackager::Border& LivePackager::border(std::int64_t number) const {
    return borders_[static_cast<std::size_t>(number - borders_.front().number)];
}

/// How far time has certainly come: no border will be set before it. Beyond `stall` a leader no
/// longer holds it.
std::int64_t LivePackager::horizon(bool of_leader) const {
    std::int64_t others = std::numeric_limits<std::int64_t>::min();
    for (std::size_t i = 0; i < renditions_.size(); ++i)
        if (i != leader_ && renditions_[i]->active && renditions_[i]->newest_ns)
            others = std::max(others, *renditions_[i]->newest_ns - config_.stall.count());
    if (of_leader) return others;
    const Rendition& leader = *renditions_[leader_];
    return leader.newest_ns ? std::max(others, *leader.newest_ns) : others;
}

Status LivePackager::add(std::size_t rendition, LiveSample sample) {
    if (rendition >= renditions_.size() || !renditions_[rendition]->active)
        return Error{Errc::kInvalidArgument,
                     fmt::format("package a live sample: there is no rendition {}", rendition)};
    Rendition& r = *renditions_[rendition];
    std::optional<std::int64_t> newest;
    for (const auto& other : renditions_)
        if (other->newest_ns)
            newest = std::max(newest.value_or(*other->newest_ns), *other->newest_ns);
    if (newest && (sample.dts_ns - *newest > kMaxHoleNs || sample.pts_ns - *newest > kMaxHoleNs)) {
        ++counts_.bad_samples;
        return Error{Errc::kBadData,
                     fmt::format("package a sample of {}: its time is {} s ahead of the channel's; "
                                 "this needs a discontinuity",
                                 r.writer.config().name,
                                 (sample.dts_ns - *newest) / 1'000'000'000)};
    }
    if (rendition == leader_ && r.needs_key && r.writer.is_video() && !sample.key) {
        // The others do not wait for what comes of it only with a key frame.
        ++counts_.dropped_samples;
        return {};
    }
    r.newest_ns = std::max(r.newest_ns.value_or(sample.dts_ns), sample.dts_ns);
    Status status;
    if (rendition == leader_) {
        status = lead(std::move(sample));
        for (std::size_t i = 0; i < renditions_.size(); ++i) {
            if (i == leader_) continue;
            Status other = drain(i);
            if (status && !other) status = std::move(other);
        }
    } else {
        r.waiting.push_back(std::move(sample));
        status = drain(rendition);
    }
    Status stalls = check_stalls();
    return status ? stalls : status;
}

void LivePackager::push_border(std::int64_t start_ns) {
    borders_.push_back({next_number(), start_ns, output_->date_at(start_ns), discontinuity_next_});
    discontinuity_next_ = false;
}

bool LivePackager::key_ends_segment(const Rendition& r, const LiveSample& sample) const {
    const std::int64_t elapsed = sample.pts_ns - borders_.back().start_ns;
    const std::int64_t wanted = config_.segment.count() - config_.early.count();
    if (elapsed >= wanted) return true;
    // After a cut without a key frame the next one is welcome early.
    if (r.announced && !r.segment.independent && elapsed >= wanted / 4) return true;
    // The GOP that begins here would outlast the target duration.
    const std::int64_t limit = nanoseconds(config_.target).count() + kRoundedUpNs;
    const std::int64_t gop = std::max(r.gop_ns, sample.pts_ns - r.last_key_ns);
    return elapsed >= wanted / 4 && elapsed + gop > limit;
}

bool LivePackager::must_cut(const Rendition& r, const LiveSample& sample) const {
    if (!r.announced) return false;
    const std::int64_t limit = nanoseconds(config_.target).count() + kRoundedUpNs;
    std::int64_t step = sample.dts_ns - r.last_dts_ns;
    // The next clean cut comes too late.
    if (r.cuts.is_clean(sample.dts_ns))
        step = std::max(step, std::min(r.cuts.step_ns(), limit / 4));
    // It may have begun with a hole, before its first picture.
    const std::int64_t lasts =
        std::max(sample.dts_ns - r.first_dts_ns,
                 r.cuts.shown_from(sample.dts_ns) - borders_.back().start_ns);
    return lasts + step > limit;
}

/// The border that is set when nothing comes of the leader: behind all that its segment has.
std::int64_t LivePackager::next_without(const Rendition& leader) const {
    const std::int64_t start = borders_.back().start_ns;
    const std::int64_t usual = start + config_.segment.count();
    const std::int64_t limit = start + nanoseconds(config_.target).count() + kRoundedUpNs;
    return leader.announced ? std::max(usual, std::min(leader.shown_until_ns, limit)) : usual;
}

Status LivePackager::lead(LiveSample sample) {
    Rendition& r = *renditions_[leader_];
    const bool key = sample.key || !r.writer.is_video();
    // Over a hole the segments go on, so that none outlasts the target.
    const std::int64_t limit = nanoseconds(config_.target).count() + kRoundedUpNs;
    while (!borders_.empty() && sample.dts_ns - borders_.back().start_ns > limit &&
           (!r.announced || sample.dts_ns - r.last_dts_ns > config_.segment.count() / 4)) {
        push_border(next_without(r));
        SG_TRY(advance(leader_, borders_.back().number, std::nullopt, std::nullopt));
    }
    if (borders_.empty()) {
        push_border(sample.pts_ns);
        for (std::size_t i = 0; i < renditions_.size(); ++i)
            if (renditions_[i]->active) open(i, borders_.back());
    } else if (sample.dts_ns < borders_.back().start_ns && !r.announced &&
               sample.pts_ns < borders_.back().start_ns) {
        // The segment it belongs to was closed without it.
        ++counts_.dropped_samples;
        r.needs_key = true;
        return {};
    } else if (key ? key_ends_segment(r, sample) : must_cut(r, sample)) {
        const auto placed = r.writer.place(sample);
        if (!placed) {
            ++counts_.dropped_samples;
            return {};
        }
        if (key) {
            push_border(sample.pts_ns);
            SG_TRY(advance(leader_, borders_.back().number, placed, placed->pts));
        } else {
            ++counts_.forced_cuts;
            push_border(r.cuts.shown_from(sample.dts_ns));
            SG_TRY(advance(leader_, borders_.back().number, placed, std::nullopt));
        }
    }
    return emit(leader_, std::move(sample));
}

bool LivePackager::starts_segment(const Rendition& r,
                                  const LiveSample& sample,
                                  const Border& border) const {
    if (!r.writer.is_video()) {
        // To the tick: half an audio frame early would already be another frame.
        return r.writer.ticks(sample.pts_ns) >= r.writer.ticks(border.start_ns);
    }
    if (sample.key && sample.pts_ns >= border.start_ns - kSamePictureNs) return true;
    const bool shown = r.cuts.shown_from(sample.dts_ns) >= border.start_ns - kSamePictureNs;
    return (shown && r.cuts.is_clean(sample.dts_ns)) || sample.dts_ns >= border.start_ns;
}

Status LivePackager::drain(std::size_t index) {
    Rendition& r = *renditions_[index];
    if (!r.active) return {};
    Status first;
    while (!r.waiting.empty() && !borders_.empty()) {
        const LiveSample& sample = r.waiting.front();
        const std::int64_t time = r.writer.is_video() ? sample.dts_ns : sample.pts_ns;
        if (!flushing_ && time > horizon(false)) break;
        LiveSample taken = std::move(r.waiting.front());
        r.waiting.pop_front();
        Status status = place(index, std::move(taken));
        if (first && !status) first = std::move(status);
    }
    trim_borders();
    return first;
}

Status LivePackager::place(std::size_t index, LiveSample sample) {
    Rendition& r = *renditions_[index];
    const bool video = r.writer.is_video();
    const std::int64_t start = border(r.segment.number).start_ns;
    const bool early = video ? !starts_segment(r, sample, border(r.segment.number))
                             : r.writer.ticks(sample.pts_ns) < r.writer.ticks(start);
    if (!r.announced && early) {
        ++counts_.dropped_samples;
        r.needs_key = true;
        return {};
    }
    if (video && r.needs_key && !sample.key) {
        ++counts_.dropped_samples;
        return {};
    }
    std::int64_t number = r.segment.number;
    while (number < borders_.back().number && starts_segment(r, sample, border(number + 1)))
        ++number;
    if (number != r.segment.number) {
        const auto placed = r.writer.place(sample);
        if (!placed) {
            ++counts_.dropped_samples;
            return {};
        }
        // A hole at the end, or a cut that is not clean, leaves the border where it is.
        const bool key = sample.key || !video;
        const std::int64_t from = key ? sample.pts_ns : r.cuts.shown_from(sample.dts_ns);
        const bool exact = from - border(number).start_ns < kLateStartNs &&
                           (key || r.cuts.is_clean(sample.dts_ns));
        const std::int64_t end = key ? placed->pts : r.writer.ticks(from);
        SG_TRY(advance(index, number, placed, exact ? std::optional(end) : std::nullopt));
    }
    return emit(index, std::move(sample));
}

Status LivePackager::emit(std::size_t index, LiveSample sample) {
    Rendition& r = *renditions_[index];
    const auto placed = r.writer.place(sample);
    if (!placed) {
        ++counts_.dropped_samples;
        return {};
    }
    const bool key = sample.key || !r.writer.is_video();
    const std::int64_t pts_ns = sample.pts_ns;
    const std::int64_t dts_ns = sample.dts_ns;
    if (!r.announced) {
        const bool late = pts_ns - border(r.segment.number).start_ns >= kLateStartNs;
        r.segment.independent = key;
        r.first_dts_ns = dts_ns;
        r.shown_until_ns = pts_ns;
        announce(index, late ? r.writer.ticks(border(r.segment.number).start_ns) : placed->pts);
    }
    if (Status status = r.writer.add(*placed, std::move(sample), parts_); !status) {
        ++counts_.bad_samples;
        r.needs_key = true;
        deliver(index);
        return status;
    }
    if (key) {
        if (!r.needs_key) r.gop_ns = pts_ns - r.last_key_ns;
        r.last_key_ns = pts_ns;
        r.needs_key = false;
    }
    const std::int64_t step = dts_ns - r.last_dts_ns;
    r.shown_until_ns =
        std::max(r.shown_until_ns, pts_ns + std::min(step, config_.segment.count() / 4));
    r.last_dts_ns = dts_ns;
    if (r.writer.is_video()) r.cuts.add(pts_ns, dts_ns, key);
    deliver(index);
    return {};
}

void LivePackager::deliver(std::size_t index) {
    Rendition& r = *renditions_[index];
    for (LivePart& part : parts_) {
        r.segment.duration = part.start + part.duration - r.segment.start;
        output_->on_part(index, part);
        r.segment.parts.push_back(std::move(part));
    }
    parts_.clear();
}

void LivePackager::open(std::size_t index, const Border& border) {
    Rendition& r = *renditions_[index];
    const std::size_t usual = r.segment.parts.size();
    r.segment = LiveSegment{};
    r.segment.parts.reserve(usual);
    r.segment.epoch = config_.epoch;
    r.segment.number = border.number;
    r.segment.discontinuity = border.discontinuity;
    r.segment.init = r.writer.init();
    r.open = true;
    r.announced = false;
}

void LivePackager::announce(std::size_t index, std::int64_t start) {
    Rendition& r = *renditions_[index];
    const Border& at = border(r.segment.number);
    r.segment.start = r.end.value_or(start);
    if (at.date) {
        const auto timescale = static_cast<double>(r.segment.init->description.timescale);
        const double after =
            static_cast<double>(r.segment.start - r.writer.ticks(at.start_ns)) / timescale;
        r.segment.date = *at.date + std::chrono::duration_cast<WallTime::duration>(
                                        std::chrono::duration<double>(after));
    }
    if (!r.segment.independent) ++counts_.dependent_segments;
    r.writer.begin_segment(r.segment.start);
    r.announced = true;
    output_->on_segment_start(index, r.segment);
}

Status LivePackager::close(std::size_t index,
                           std::optional<LiveRenditionWriter::Place> next,
                           std::optional<std::int64_t> end) {
    Rendition& r = *renditions_[index];
    const bool gap = !r.announced;
    if (gap) announce(index, r.writer.ticks(border(r.segment.number).start_ns));
    const std::int64_t until =
        std::max(end.value_or(r.writer.presented_until()), r.segment.start + 1);
    Status status =
        r.writer.end_segment(next ? std::optional(next->dts) : std::nullopt, until, parts_);
    deliver(index);
    r.segment.gap = r.segment.parts.empty();
    if (r.segment.gap) ++counts_.gap_segments;
    r.segment.duration = until - r.segment.start;
    r.segment.closed = true;
    r.end = until;
    r.open = false;
    const std::size_t usual = r.segment.parts.size();
    auto closed = std::make_shared<const LiveSegment>(std::move(r.segment));
    r.segment = LiveSegment{};
    r.segment.parts.reserve(usual);
    r.segment.number = closed->number;
    output_->on_segment_end(index, std::move(closed));
    return status;
}

Status LivePackager::advance(std::size_t index,
                             std::int64_t number,
                             std::optional<LiveRenditionWriter::Place> next,
                             std::optional<std::int64_t> end) {
    Rendition& r = *renditions_[index];
    Status first;
    while (r.segment.number < number) {
        const Border& following = border(r.segment.number + 1);
        const bool last = following.number == number;
        std::optional<std::int64_t> until = end;
        if (!last || !end) until = r.writer.ticks(following.start_ns);
        Status status = close(index, last ? next : std::nullopt, until);
        if (first && !status) first = std::move(status);
        open(index, following);
    }
    return first;
}

/// A rendition that has nothing for the border it should have reached goes there without.
Status LivePackager::follow(std::size_t index) {
    Rendition& r = *renditions_[index];
    const std::int64_t now = horizon(false);
    while (r.segment.number < borders_.back().number) {
        const Border& following = border(r.segment.number + 1);
        if (now - following.start_ns <= config_.stall.count()) break;
        ++counts_.stalls;
        SG_TRY(advance(index, following.number, std::nullopt, std::nullopt));
    }
    return {};
}

Status LivePackager::check_stalls() {
    Rendition& leader = *renditions_[leader_];
    const std::int64_t others = horizon(true);
    const bool leader_stalled = !leader.newest_ns || *leader.newest_ns < others;
    if (leader_stalled && others != std::numeric_limits<std::int64_t>::min()) {
        if (borders_.empty()) {
            std::optional<std::int64_t> first;
            for (const auto& r : renditions_)
                if (r->active && !r->waiting.empty())
                    first = std::min(first.value_or(r->waiting.front().pts_ns),
                                     r->waiting.front().pts_ns);
            if (!first || others < *first) return {};
            push_border(*first);
            for (std::size_t i = 0; i < renditions_.size(); ++i)
                if (renditions_[i]->active) open(i, borders_.back());
        }
        while (others >= next_without(leader)) {
            ++counts_.stalls;
            push_border(next_without(leader));
            SG_TRY(advance(leader_, borders_.back().number, std::nullopt, std::nullopt));
        }
        for (std::size_t i = 0; i < renditions_.size(); ++i)
            if (i != leader_) SG_TRY(drain(i));
    }
    if (borders_.empty()) return {};
    for (std::size_t i = 0; i < renditions_.size(); ++i)
        if (i != leader_ && renditions_[i]->active) SG_TRY(follow(i));
    trim_borders();
    return {};
}

void LivePackager::trim_borders() {
    if (borders_.empty()) return;
    std::int64_t oldest = borders_.back().number;
    for (const auto& r : renditions_)
        if (r->active && r->open) oldest = std::min(oldest, r->segment.number);
    while (borders_.front().number < oldest) borders_.pop_front();
}

Status LivePackager::flush() {
    Status first;
    const auto keep = [&](Status status) {
        if (first && !status) first = std::move(status);
    };
    if (borders_.empty()) {
        for (const auto& r : renditions_) r->waiting.clear();
        return {};
    }
    flushing_ = true;
    for (std::size_t i = 0; i < renditions_.size(); ++i) keep(drain(i));
    flushing_ = false;
    const std::int64_t number = borders_.back().number;
    const Border last = borders_.back();
    std::int64_t end_ns = last.start_ns + 1'000'000;
    for (std::size_t i = 0; i < renditions_.size(); ++i) {
        Rendition& r = *renditions_[i];
        if (!r.active) continue;
        keep(advance(i, number, std::nullopt, std::nullopt));
        if (!r.announced) continue;
        const std::int64_t after = r.writer.presented_until() - r.writer.ticks(last.start_ns);
        end_ns = std::max(
            end_ns,
            last.start_ns + static_cast<std::int64_t>(static_cast<double>(after) * 1e9 /
                                                      r.segment.init->description.timescale));
    }
    for (std::size_t i = 0; i < renditions_.size(); ++i) {
        Rendition& r = *renditions_[i];
        if (!r.active) continue;
        keep(close(
            i, std::nullopt, r.announced ? std::nullopt : std::optional(r.writer.ticks(end_ns))));
        r.end.reset();
        r.needs_key = true;
        r.newest_ns.reset();
        r.gop_ns = 0;
        r.writer.reset_times();
    }
    next_number_ = number + 1;
    borders_.clear();
    discontinuity_next_ = true;
    return first;
}

Status LivePackager::discontinuity(std::vector<LiveRenditionConfig> renditions) {
    Status flushed = flush();
    SG_TRY(set_renditions(std::move(renditions)));
    return flushed;
}

Status LivePackager::finish() {
    return flush();
}

}  // namespace sg::packagers
