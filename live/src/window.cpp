#include <algorithm>
#include <cmath>
#include <limits>

#include <live/window.hpp>

#include "closed_segments.hpp"
#include "window_view.hpp"

namespace sg::live {
namespace {

using packagers::LiveInit;
using packagers::LivePart;
using packagers::LiveSegment;
using packagers::WallTime;
using std::chrono::duration_cast;
using std::chrono::microseconds;

/// What left the playlists can still be fetched for the playlist's length, RFC 8216 §6.2.2, as far
/// as memory allows.
constexpr std::int64_t kMaxRetainedUs = 30'000'000;
/// Observed peaks are declared with this margin.
constexpr double kPeakMargin = 1.1;

std::int64_t micros(std::int64_t ticks, const LiveInit& init) {
    return packagers::live_micros(ticks, init.description.timescale);
}

/// Up to three digits, so that playlists rarely change for it.
std::uint64_t rounded_up(double rate) {
    if (rate <= 0) return 0;
    const double step = std::pow(10.0, std::max(0.0, std::floor(std::log10(rate)) - 2));
    return static_cast<std::uint64_t>(std::ceil(rate / step) * step);
}

struct Rates {
    DeclaredRate declared;
    double peak = 0;
    std::uint64_t bytes = 0;
    std::int64_t us = 0;
    std::uint32_t samples = 0;
    std::int64_t ticks = 0;
    std::uint64_t open_bytes = 0;
    std::int64_t open_us = 0;

    void add(const LiveSegment& s, std::uint64_t size, std::int64_t target_us) {
        const std::int64_t length = micros(s.duration, *s.init);
        if (s.gap || length <= 0) return;
        // Runs of half a target count, RFC 8216 §4.1.
        if (2 * length >= target_us || peak == 0)
            peak = std::max(peak, static_cast<double>(size) * 8e6 / static_cast<double>(length));
        bytes += size;
        us += length;
        // A restored one does not know its samples.
        if (s.parts.empty()) return;
        samples += s.samples();
        ticks += s.duration;
    }
    [[nodiscard]] packagers::Bitrate bitrate() const {
        if (declared.peak != 0 && declared.average != 0)
            return {declared.peak, std::min(declared.peak, declared.average)};
        double top = peak * kPeakMargin;
        double mean = us > 0 ? static_cast<double>(bytes) * 8e6 / static_cast<double>(us) : 0;
        // Before the first segment is whole: its first parts, which begin with a key frame.
        if (us == 0 && open_us > 0)
            top = mean = static_cast<double>(open_bytes) * 8e6 / static_cast<double>(open_us);
        const std::uint64_t average = rounded_up(mean);
        if (declared.peak != 0) return {declared.peak, std::min(declared.peak, average)};
        return {std::max(rounded_up(top), average), average};
    }
};

struct Rendition {
    explicit Rendition(std::int64_t parts_us) : log(parts_us) {}
    std::string name;
    std::shared_ptr<const LiveInit> init;
    SegmentLog log;
    std::optional<LiveSegment> open;
    std::shared_ptr<const LiveSegment> open_shared;  ///< null after a change
    bool open_has_map = false;
    std::string last_init;  ///< file of the newest segment's
    std::string epoch;
    bool present = false;
    bool ended = false;
    std::int64_t last_dependent = -1;
    std::int64_t last_gap = -1;
    Rates rates;
    Rates ts_rates;           ///< of its transport streams
    std::string date_ranges;  ///< for the segment that is open, or the next
};

PeriodLogConfig period_config(const WindowConfig& config) {
    PeriodLogConfig out;
    out.segment_us = duration_cast<microseconds>(config.segment).count();
    out.fixed_grid = config.fixed_grid;
    out.update_us = config.target_seconds * 1'000'000;
    out.availability_start = config.availability_start;
    return out;
}

}  // namespace

struct LiveWindow::Impl {
    explicit Impl(WindowConfig c) : config(std::move(c)), periods(period_config(config)) {
        discontinuity_base = config.discontinuity_sequence;
        target_us = config.target_seconds * 1'000'000;
        length_us = duration_cast<microseconds>(config.length).count();
        retained_us_limit = std::min(kMaxRetainedUs, length_us + target_us);
    }

    struct Listed {
        std::int64_t number = 0;
        std::int64_t us = 0;
    };

    WindowConfig config;
    std::int64_t target_us = 0;
    std::int64_t length_us = 0;
    std::int64_t retained_us_limit = 0;
    std::vector<std::unique_ptr<Rendition>> renditions;
    std::deque<Listed> listed;  ///< closed numbers, each once
    std::deque<Listed> retained;
    std::int64_t listed_us = 0;
    std::int64_t retained_us = 0;
    std::int64_t last_listed = -1;
    std::int64_t newest_started = -1;
    std::int64_t discontinuity_base = 0;
    std::vector<std::int64_t> discontinuities;       ///< listed ones
    std::vector<std::int64_t> kept_discontinuities;  ///< and those that can still be fetched
    PeriodLog periods;
    std::optional<WallTime> epoch;  ///< when channel time zero arrived
    WallTime published{};           ///< of the newest MPD
    bool ended = false;
    bool changed = true;  ///< since `state` was made
    std::uint64_t serial = 0;
    std::int64_t longest_us = 0;
    std::shared_ptr<const WindowState> state;

    Rendition& at(std::size_t index) {
        while (renditions.size() <= index)
            renditions.push_back(
                std::make_unique<Rendition>(config.low_latency ? 3 * target_us : std::int64_t{0}));
        return *renditions[index];
    }

    void begin(const LiveSegment& s);
    [[nodiscard]] std::optional<WallTime> arrived_at(const LiveSegment& s) const {
        if (!epoch) return std::nullopt;
        return *epoch + microseconds(micros(s.start, *s.init));
    }
    void list(const LiveSegment& s);
    void trim();
    void drop_front();
    void close(Rendition& r, std::shared_ptr<const LiveSegment> segment, const MediaBytes& stored);
    [[nodiscard]] bool ready() const;
    void remake(WallTime now);
    [[nodiscard]] packagers::LiveRenditionSummary summary(const Rendition& r) const;
    [[nodiscard]] std::shared_ptr<const TsMultivariantText> ts_multivariant();
    [[nodiscard]] std::shared_ptr<const ManifestText> manifest(WallTime now);
    [[nodiscard]] std::int64_t first_listed() const {
        if (!listed.empty()) return listed.front().number;
        return std::max<std::int64_t>(0, newest_started);
    }
};

/// The first of a number to start tells of all.
void LiveWindow::Impl::begin(const LiveSegment& s) {
    if (s.number <= newest_started) return;
    newest_started = s.number;
    if (s.discontinuity) {
        discontinuities.push_back(s.number);
        kept_discontinuities.push_back(s.number);
    }
    const std::size_t before = periods.marks().size();
    periods.begin(s, arrived_at(s));
    changed = changed || s.discontinuity || periods.marks().size() != before;
}

void LiveWindow::Impl::list(const LiveSegment& s) {
    if (s.number <= last_listed) return;
    last_listed = s.number;
    const std::int64_t us = micros(s.duration, *s.init);
    listed.push_back({s.number, us});
    listed_us += us;
    periods.close(s);
}

void LiveWindow::Impl::drop_front() {
    const Listed gone = listed.front();
    listed.pop_front();
    listed_us -= gone.us;
    retained.push_back(gone);
    retained_us += gone.us;
    if (!discontinuities.empty() && discontinuities.front() <= gone.number) {
        discontinuities.erase(discontinuities.begin());
        ++discontinuity_base;
    }
    periods.drop_before(first_listed());
}

void LiveWindow::Impl::trim() {
    if (ended) return;
    if (length_us > 0) {
        // RFC 8216 §6.2.2: never below three target durations.
        const std::int64_t keep = std::max(length_us, 3 * target_us);
        while (listed.size() > 1 && listed_us - listed.front().us >= keep) drop_front();
    }
    if (config.memory_segments > 0) {
        std::int64_t lost = -1;
        for (const auto& r : renditions) {
            r->log.demote(config.memory_segments);
            lost = std::max(
                lost, r->log.newest_unstored_beyond(config.memory_segments + config.memory_slack));
        }
        while (listed.size() > 1 && listed.front().number <= lost) drop_front();
        while (!retained.empty() && retained.front().number <= lost) {
            retained_us -= retained.front().us;
            retained.pop_front();
        }
    }
    while (!retained.empty() && retained_us > retained_us_limit) {
        retained_us -= retained.front().us;
        retained.pop_front();
    }
    const std::int64_t oldest = retained.empty() ? first_listed() : retained.front().number;
    for (const auto& r : renditions) r->log.drop_before(oldest);
    std::erase_if(kept_discontinuities, [&](std::int64_t n) { return n < oldest; });
}

void LiveWindow::Impl::close(Rendition& r,
                             std::shared_ptr<const LiveSegment> segment,
                             const MediaBytes& stored) {
    const LiveSegment& s = *segment;
    if (!s.independent && !s.gap) r.last_dependent = s.number;
    if (s.gap) r.last_gap = s.number;
    r.rates.add(s, stored.bytes != 0 ? stored.bytes : s.bytes(), target_us);
    longest_us = std::max(longest_us, micros(s.duration, *s.init));
    r.last_init = s.init->description.init_file;
    r.epoch = s.epoch;
    r.open.reset();
    r.open_shared.reset();
    begin(s);
    list(s);
    r.log.append(std::move(segment), stored);
    trim();
    changed = true;
}

LiveWindow::LiveWindow(WindowConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
LiveWindow::~LiveWindow() = default;
LiveWindow::LiveWindow(LiveWindow&&) noexcept = default;
LiveWindow& LiveWindow::operator=(LiveWindow&&) noexcept = default;

void LiveWindow::set_rendition(std::size_t rendition, std::shared_ptr<const LiveInit> init) {
    Rendition& r = impl_->at(rendition);
    r.name = init->description.rendition;
    r.init = std::move(init);
    r.present = true;
    r.ended = false;
    impl_->changed = true;
}

void LiveWindow::end_rendition(std::size_t rendition) {
    Rendition& r = impl_->at(rendition);
    r.ended = true;
    r.log.hide_parts();
    r.open.reset();
    r.open_shared.reset();
    impl_->changed = true;
}

void LiveWindow::declare_rate(std::size_t rendition, DeclaredRate rate) {
    impl_->at(rendition).rates.declared = rate;
    impl_->changed = true;
}

void LiveWindow::follow(WallTime epoch) {
    impl_->epoch = epoch;
}

void LiveWindow::start_segment(std::size_t rendition, const LiveSegment& segment) {
    Rendition& r = impl_->at(rendition);
    r.open = segment;
    r.open->parts.clear();
    r.open_shared.reset();
    r.open_has_map = segment.init->description.init_file != r.last_init;
    r.epoch = segment.epoch;
    if (!segment.independent) r.last_dependent = segment.number;
    impl_->begin(segment);
}

void LiveWindow::add_part(std::size_t rendition, const LivePart& part) {
    Rendition& r = impl_->at(rendition);
    if (!r.open) return;
    r.open->parts.push_back(part);
    r.open->duration = part.start + part.duration - r.open->start;
    r.open_shared.reset();
    if (r.rates.us > 0) return;
    // The first segment: what is said of the rendition follows its parts.
    r.rates.open_bytes += part.bytes->size();
    r.rates.open_us += micros(part.duration, *r.open->init);
    impl_->changed = true;
}

void LiveWindow::announce(const std::string& line) {
    // What a sender may say before a segment ends.
    constexpr std::size_t kMost = 64 << 10;
    for (const auto& r : impl_->renditions) {
        if (!r->present || r->ended || r->date_ranges.size() + line.size() > kMost) continue;
        r->date_ranges += line;
        r->open_shared.reset();
    }
}

void LiveWindow::end_segment(std::size_t rendition, std::shared_ptr<const LiveSegment> segment) {
    Rendition& r = impl_->at(rendition);
    if (!r.date_ranges.empty()) {
        auto marked = std::make_shared<LiveSegment>(*segment);
        marked->date_ranges = std::exchange(r.date_ranges, {});
        segment = std::move(marked);
    }
    impl_->close(r, std::move(segment), {});
}

void LiveWindow::stored(std::size_t rendition, std::int64_t number, MediaBytes where) {
    impl_->at(rendition).log.set_stored(number, where);
    impl_->changed = true;
}

void LiveWindow::set_ts(std::size_t rendition, std::int64_t number, packagers::SharedBytes bytes) {
    Rendition& r = impl_->at(rendition);
    if (const SegmentEntry* entry = r.log.find(number))
        r.ts_rates.add(*entry->segment, bytes->size(), impl_->target_us);
    r.log.set_ts(number, std::move(bytes));
    impl_->changed = true;
}

void LiveWindow::restore(std::size_t rendition, LiveSegment segment, MediaBytes where) {
    Rendition& r = impl_->at(rendition);
    if (!r.present) {
        r.name = segment.init->description.rendition;
        r.init = segment.init;
        r.present = true;
    }
    segment.parts.clear();
    segment.closed = true;
    impl_->close(r, std::make_shared<const LiveSegment>(std::move(segment)), where);
}

void LiveWindow::end() {
    impl_->ended = true;
    impl_->periods.end();
    impl_->changed = true;
    for (const auto& r : impl_->renditions) {
        r->log.hide_parts();
        r->open.reset();
        r->open_shared.reset();
    }
}

/// Every rendition has something to play; one that is long behind is not waited for.
bool LiveWindow::Impl::ready() const {
    bool all = false;
    for (const auto& r : renditions) {
        if (!r->present || r->ended) continue;
        const bool parts = config.low_latency && r->open && !r->open->parts.empty();
        const bool segments = r->log.end_number() > 0;
        if (!parts && !segments) return last_listed >= 0 && listed.size() > 1;
        all = true;
    }
    return all;
}

packagers::LiveRenditionSummary LiveWindow::Impl::summary(const Rendition& r) const {
    packagers::LiveRenditionSummary out;
    out.description = r.init->description;
    out.bitrate = r.rates.bitrate();
    out.samples = r.rates.samples;
    out.duration = r.rates.ticks;
    out.independent = r.last_dependent < first_listed();
    return out;
}

/// As choose_ts() of the channel pairs them: every video with the default sound; else the sound.
std::shared_ptr<const TsMultivariantText> LiveWindow::Impl::ts_multivariant() {
    auto text = std::make_shared<TsMultivariantText>(serial + 1);
    for (const auto& r : renditions) {
        if (!r->present || r->ended) continue;
        const auto& description = r->init->description;
        if (description.type == packagers::TrackType::kAudio &&
            (!text->sound || description.is_default))
            text->sound = description;
        if (r->ts_rates.us == 0) continue;
        text->renditions.push_back(summary(*r));
        text->renditions.back().bitrate = r->ts_rates.bitrate();
    }
    if (text->renditions.empty()) return nullptr;
    if (text->renditions.front().description.type == packagers::TrackType::kAudio)
        text->sound.reset();
    ++serial;
    return text;
}

std::shared_ptr<const ManifestText> LiveWindow::Impl::manifest(WallTime now) {
    if (!config.dash || periods.marks().empty()) return nullptr;
    // Without a grid nothing can be asked for before the first segment is whole.
    if (listed.empty() && !(config.fixed_grid && config.low_latency)) return nullptr;
    auto out = std::make_shared<ManifestText>(++serial);
    for (const auto& r : renditions) {
        if (!r->present || (r->ended && r->log.end_number() == 0)) continue;
        out->tracks.push_back({r->log.snapshot(), summary(*r), r->init, r->epoch});
    }
    out->periods = periods.marks();
    out->first_listed = first_listed();
    out->newest_started = newest_started;
    packagers::LiveDashOptions& o = out->options;
    const std::int64_t segment_us = duration_cast<microseconds>(config.segment).count();
    o.availability_start = *periods.availability_start();
    // A wall clock that is set back must not make the newer MPD look like the older one.
    published = std::max(published, now);
    o.published = published;
    o.minimum_update_us = config.fixed_grid ? target_us : segment_us;
    o.time_shift_us = length_us > 0 ? std::max(listed_us, segment_us) : 0;
    o.max_segment_us = (std::max(longest_us, segment_us) + 999) / 1000 * 1000;
    // A segment can be had when it is whole: who is closer than that waits for each.
    o.suggested_delay_us = std::max(3 * segment_us, o.max_segment_us + segment_us);
    o.utc_timing_url = config.utc_timing_url;
    if (ended) o.ended_us = periods.end_us();
    if (config.fixed_grid) {
        o.grid_us = segment_us;
        if (config.low_latency) {
            o.chunk_us = duration_cast<microseconds>(config.part_target).count();
            o.target_latency_ms = 1000 + 3 * o.chunk_us / 1000;
            o.suggested_delay_us = o.target_latency_ms * 1000;
        }
    }
    return out;
}

void LiveWindow::Impl::remake(WallTime now) {
    auto next = std::make_shared<WindowState>();
    next->config = config;
    next->first_listed = first_listed();
    next->discontinuity_base = discontinuity_base;
    next->discontinuities = discontinuities;
    next->kept_discontinuities = kept_discontinuities;
    next->ready = ready();
    auto text = std::make_shared<MultivariantText>(++serial);
    for (const auto& r : renditions)
        if (r->present && !r->ended) text->renditions.push_back(summary(*r));
    next->multivariant = std::move(text);
    if (config.ts) next->ts_multivariant = ts_multivariant();
    next->manifest = manifest(now);
    state = std::move(next);
    changed = false;
}

std::shared_ptr<const ChannelView> LiveWindow::view(WallTime now) {
    if (impl_->changed) impl_->remake(now);
    std::vector<RenditionState> states;
    states.reserve(impl_->renditions.size());
    for (const auto& r : impl_->renditions) {
        if (!r->present) continue;
        if (r->open && !r->open_shared) {
            r->open->date_ranges = r->date_ranges;
            r->open_shared = std::make_shared<const LiveSegment>(*r->open);
        }
        RenditionState s;
        s.name = r->name;
        s.init = r->init;
        s.closed = r->log.snapshot();
        s.open = r->open_shared;
        s.open_has_map = r->open_has_map;
        s.ended = r->ended;
        s.last_dependent = r->last_dependent;
        s.last_gap = r->last_gap;
        states.push_back(std::move(s));
    }
    return std::make_shared<const WindowView>(
        impl_->state, std::move(states), impl_->ended, ++impl_->serial);
}

std::int64_t LiveWindow::first_listed() const {
    return impl_->listed.empty() ? -1 : impl_->listed.front().number;
}

std::int64_t LiveWindow::discontinuity_sequence() const {
    return impl_->discontinuity_base;
}

std::optional<WallTime> LiveWindow::availability_start() const {
    return impl_->periods.availability_start();
}

std::uint64_t LiveWindow::bytes_in_memory() const {
    std::uint64_t sum = 0;
    for (const auto& r : impl_->renditions) {
        sum += r->log.bytes_in_memory();
        if (r->open) sum += r->open->bytes();
    }
    return sum;
}

}  // namespace sg::live
