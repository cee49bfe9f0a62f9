#include "clip_plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include <base/clock.hpp>

#include "clip_silence.hpp"

namespace sg::live {
namespace {

using packagers::WallTime;
using Present = std::vector<const ClipRendition*>;

/// Renditions are stored, and expire, one after the other: this many segments may not be there in
/// all of them where a service was killed, is at work, or has removed what came before.
constexpr std::ptrdiff_t kRagged = 2;

struct Moment {
    ClipKey key;
    Present present;

    [[nodiscard]] const ClipSource& lead() const { return *present.front()->find(key); }
};

/// Every segment number that is on disk and has a date.
std::vector<Moment> moments_of(const ClipArchive& archive) {
    std::map<ClipKey, Present> all;
    for (const bool video : {true, false})
        for (const auto& rendition : archive.renditions())
            if (rendition.video == video)
                for (const auto& [key, source] : rendition.segments) all[key].push_back(&rendition);
    std::vector<Moment> out;
    for (auto& [key, present] : all) {
        Moment moment{key, std::move(present)};
        if (moment.lead().begins()) out.push_back(std::move(moment));
    }
    return out;
}

bool has_pictures(const Moment& moment) {
    return moment.present.front()->video;
}

/// The same epoch, and nothing between them was lost or marked.
bool adjoins(const Moment& before, const Moment& next) {
    if (before.key.first != next.key.first || before.key.second + 1 != next.key.second)
        return false;
    return std::none_of(next.present.begin(), next.present.end(), [&](const ClipRendition* r) {
        const ClipSource& source = *r->find(next.key);
        const ClipSource* last = r->find(before.key);
        return source.segment->segment.discontinuity ||
               (last != nullptr &&
                last->init().description.init_file != source.init().description.init_file);
    });
}

bool holds_all(const Present& some, const Present& of) {
    return std::all_of(of.begin(), of.end(), [&](const ClipRendition* r) {
        return std::find(some.begin(), some.end(), r) != some.end();
    });
}

/// A few of [from, to) that stand beside a fuller one, in `whole`.
template <class Iterator>
bool is_ragged(Iterator from, Iterator to, const Moment& whole) {
    return std::all_of(from, to, [&](const Moment& m) {
        return m.present != whole.present && holds_all(whole.present, m.present);
    });
}

bool is_unbroken(std::vector<Moment>::const_iterator from,
                 std::vector<Moment>::const_iterator last) {
    for (; from != last; ++from)
        if (!adjoins(*from, *(from + 1))) return false;
    return true;
}

/// Drops the ragged end of every epoch, and the ragged beginning of the first.
void drop_ragged(std::vector<Moment>& all) {
    std::vector<Moment> kept;
    for (auto begin = all.cbegin(); begin != all.cend();) {
        const auto next = std::find_if(
            begin, all.cend(), [&](const Moment& m) { return m.key.first != begin->key.first; });
        auto first = begin;
        auto end = next;
        for (std::ptrdiff_t n = std::min(kRagged, next - begin - 1); n > 0 && end == next; --n)
            if (is_unbroken(next - n - 1, next - 1) && is_ragged(next - n, next, *(next - n - 1)))
                end = next - n;
        for (std::ptrdiff_t n = std::min(kRagged, end - begin - 1);
             n > 0 && begin == all.cbegin() && first == begin;
             --n)
            if (is_unbroken(begin, begin + n) && is_ragged(begin, begin + n, *(begin + n)))
                first = begin + n;
        kept.insert(kept.end(), first, end);
        begin = next;
    }
    all = std::move(kept);
}

/// What a clip can be made of. Times with sound alone are none of it where there are pictures.
std::vector<Moment> leading_moments(const ClipArchive& archive) {
    auto moments = moments_of(archive);
    if (std::any_of(moments.begin(), moments.end(), has_pictures))
        std::erase_if(moments, [](const Moment& m) { return !has_pictures(m); });
    drop_ragged(moments);
    return moments;
}

std::string span_text(const WallTime& from, const WallTime& to) {
    return fmt::format("from {} to {}", rfc3339(from), rfc3339(to));
}

/// Between pictures, sound alone.
void note_sound_only(const ClipArchive& archive,
                     const std::vector<Moment>& chosen,
                     std::vector<std::string>& notes) {
    if (chosen.empty() || !has_pictures(chosen.front())) return;
    const Moment* first = nullptr;
    const Moment* last = nullptr;
    const auto moments = moments_of(archive);
    for (const auto& moment : moments) {
        if (moment.key < chosen.front().key || moment.key > chosen.back().key) continue;
        if (!has_pictures(moment)) {
            if (first == nullptr) first = &moment;
            last = &moment;
            continue;
        }
        if (first != nullptr)
            notes.push_back(fmt::format("there is only sound {}: it is left out",
                                        span_text(*first->lead().begins(), *last->lead().ends())));
        first = nullptr;
    }
}

class TrackChooser {
  public:
    TrackChooser(const std::vector<ClipStretch>& stretches, std::vector<std::string>& notes)
        : stretches_(stretches), notes_(notes) {
        for (const auto& s : stretches) total_us_ += s.length_us();
    }

    void choose(const ClipArchive& archive, bool video, std::vector<ClipTrack>& out);

  private:
    [[nodiscard]] std::int64_t covered_us(const ClipRendition& rendition) const;
    [[nodiscard]] bool fill(ClipTrack& track);
    void note_partial(const ClipTrack& track);

    const std::vector<ClipStretch>& stretches_;
    std::vector<std::string>& notes_;
    std::int64_t total_us_ = 0;
};

bool is_in(const ClipStretch& stretch, const ClipRendition* rendition) {
    return std::find(stretch.present.begin(), stretch.present.end(), rendition) !=
           stretch.present.end();
}

std::int64_t TrackChooser::covered_us(const ClipRendition& rendition) const {
    std::int64_t sum = 0;
    for (const auto& s : stretches_)
        if (is_in(s, &rendition)) sum += s.length_us();
    return sum;
}

/// The picture of the nearest size, the sound of the same language.
const ClipRendition* stand_in(const ClipStretch& stretch, const ClipRendition& own) {
    const auto& wanted = own.segments.begin()->second.init().description;
    const auto distance = [&](const ClipRendition& r) {
        const auto& d = r.find(stretch.keys.front())->init().description;
        if (!own.video)
            return std::int64_t{d.language == wanted.language ? 0 : d.is_default ? 1 : 2};
        return std::abs(std::int64_t{d.width} * d.height -
                        std::int64_t{wanted.width} * wanted.height);
    };
    const ClipRendition* best = nullptr;
    for (const auto* r : stretch.present)
        if (r->video == own.video && (best == nullptr || distance(*r) < distance(*best))) best = r;
    return best;
}

bool TrackChooser::fill(ClipTrack& track) {
    const ClipRendition& own = *track.own;
    for (const auto& stretch : stretches_) {
        const auto* source = is_in(stretch, &own) ? &own : stand_in(stretch, own);
        if (source == nullptr &&
            (own.video || !can_be_silent(own.segments.begin()->second.init().description)))
            return false;
        track.sources.push_back(source);
    }
    for (std::size_t i = 0; i < stretches_.size(); ++i) {
        if (track.sources[i] == &own) continue;
        const auto span = span_text(stretches_[i].begins(), stretches_[i].ends());
        notes_.push_back(track.sources[i] == nullptr
                             ? fmt::format("{} has nothing {}: it is silent", own.name, span)
                             : fmt::format("{} has nothing {}: {} stands in for it",
                                           own.name,
                                           span,
                                           track.sources[i]->name));
    }
    track.whole = true;
    return true;
}

void TrackChooser::note_partial(const ClipTrack& track) {
    notes_.push_back(
        fmt::format("{} has {:.1f} s of {:.1f} s: it is in manifest.mpd, and not in index.m3u8",
                    track.own->name,
                    static_cast<double>(covered_us(*track.own)) / 1e6,
                    static_cast<double>(total_us_) / 1e6));
}

void TrackChooser::choose(const ClipArchive& archive, bool video, std::vector<ClipTrack>& out) {
    Present candidates;
    for (const auto& r : archive.renditions())
        if (r.video == video && covered_us(r) > 0) candidates.push_back(&r);
    if (candidates.empty()) return;
    const auto* longest =
        *std::max_element(candidates.begin(), candidates.end(), [&](const auto* a, const auto* b) {
            return covered_us(*a) < covered_us(*b);
        });
    for (const auto* r : candidates) {
        ClipTrack track;
        track.own = r;
        const bool most = r == longest || 2 * covered_us(*r) >= total_us_;
        if (!most || !fill(track)) {
            track.sources.clear();
            for (const auto& s : stretches_) track.sources.push_back(is_in(s, r) ? r : nullptr);
            note_partial(track);
        }
        out.push_back(std::move(track));
    }
}

}  // namespace

const ClipSource& ClipStretch::lead(std::size_t index) const {
    return *present.front()->find(keys[index]);
}

std::int64_t ClipStretch::end_us() const {
    const auto& last = lead(keys.size() - 1);
    return until_us.value_or(last.start_us() + last.length_us());
}

WallTime ClipStretch::ends() const {
    const auto& last = lead(keys.size() - 1);
    return *last.begins() + std::chrono::microseconds(end_us() - last.start_us());
}

std::optional<ClipRange> range_of(const ClipArchive& archive,
                                  const ClipPoint& from,
                                  const ClipPoint& to) {
    std::optional<WallTime> first;
    std::optional<WallTime> last;
    for (const auto& moment : leading_moments(archive)) {
        const auto& source = moment.lead();
        first = first ? std::min(*first, *source.begins()) : *source.begins();
        last = last ? std::max(*last, *source.ends()) : *source.ends();
    }
    if (!first) return std::nullopt;
    const auto when = [&](const ClipPoint& point) {
        switch (point.from) {
            case ClipPoint::From::kBeginning:
                return *first + point.distance;
            case ClipPoint::From::kEnd:
                return *last - point.distance;
            default:
                return point.date;
        }
    };
    return ClipRange{when(from), when(to)};
}

std::vector<ClipStretch> stretches_in(const ClipArchive& archive,
                                      const ClipRange& range,
                                      std::vector<std::string>& notes) {
    std::vector<Moment> chosen;
    std::vector<ClipStretch> out;
    for (auto& moment : leading_moments(archive)) {
        const auto& source = moment.lead();
        if (*source.ends() <= range.from || *source.begins() >= range.to) continue;
        const bool follows = !chosen.empty() && adjoins(chosen.back(), moment) &&
                             chosen.back().present == moment.present;
        if (!follows) out.push_back({{}, moment.present, std::nullopt});
        out.back().keys.push_back(moment.key);
        chosen.push_back(std::move(moment));
    }
    note_sound_only(archive, chosen, notes);
    return out;
}

std::vector<ClipTrack> choose_tracks(const ClipArchive& archive,
                                     const std::vector<ClipStretch>& stretches,
                                     std::vector<std::string>& notes) {
    std::vector<ClipTrack> out;
    TrackChooser chooser(stretches, notes);
    for (const bool video : {true, false}) chooser.choose(archive, video, out);
    return out;
}

}  // namespace sg::live
