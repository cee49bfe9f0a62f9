#include "last_gop.hpp"

#include <algorithm>
#include <numeric>

namespace sg::live {
namespace {

/// Behind GOPs like these the next key frame is not far.
constexpr std::int64_t kShortNs = 2'500'000'000;
constexpr std::int64_t kStepNs = 1'000'000;
/// Other tracks that go on with `next` have no hole before them that players would notice.
constexpr std::int64_t kLongestNs = 80'000'000;

}  // namespace

void LastGop::begin(const ingest::TimedUnit& key) {
    const bool follows_short = !pictures_.empty() && key.dts_ns - key_dts_ns() <= kShortNs;
    pictures_.clear();
    bytes_.clear();
    if (follows_short) bytes_.shrink_to_fit();
    track_ = key.track;
    append(key);
    whole_ = !follows_short && bytes_.size() <= kMaxBytes;
}

void LastGop::add(const ingest::TimedUnit& picture) {
    if (!whole_) return;
    if (bytes_.size() + picture.data.size() > kMaxBytes || pictures_.size() >= kMaxPictures)
        keep_key_only();
    else
        append(picture);
}

void LastGop::append(const ingest::TimedUnit& picture) {
    const std::size_t begin = bytes_.size();
    bytes_.insert(bytes_.end(), picture.data.begin(), picture.data.end());
    pictures_.push_back({picture.pts_ns, picture.dts_ns, begin, bytes_.size()});
}

void LastGop::keep_key_only() {
    whole_ = false;
    if (pictures_.size() <= 1) return;
    pictures_.resize(1);
    bytes_.resize(pictures_.front().end);
    bytes_.shrink_to_fit();
}

void LastGop::clear() {
    pictures_.clear();
    bytes_ = {};
    whole_ = false;
}

ingest::TimedUnit LastGop::unit(const Picture& picture) const {
    ingest::TimedUnit out;
    out.track = track_;
    out.pts_ns = picture.pts_ns;
    out.dts_ns = picture.dts_ns;
    out.key = picture.begin == 0;
    const auto at = [this](std::size_t place) {
        return bytes_.begin() + static_cast<std::ptrdiff_t>(place);
    };
    out.data.assign(at(picture.begin), at(picture.end));
    return out;
}

std::vector<ingest::TimedUnit> LastGop::squeezed(std::int64_t from_ns,
                                                 const ingest::TimedUnit& next) const {
    if (!whole_) return {};
    const auto count = static_cast<std::int64_t>(pictures_.size());
    std::vector<std::size_t> shown(pictures_.size());
    std::iota(shown.begin(), shown.end(), std::size_t{0});
    std::stable_sort(shown.begin(), shown.end(), [this](std::size_t a, std::size_t b) {
        return pictures_[a].pts_ns < pictures_[b].pts_ns;
    });
    // How far behind its place in the order of display a picture is decoded.
    std::int64_t delay = 0;
    for (std::int64_t rank = 0; rank < count; ++rank)
        delay = std::max(delay,
                         static_cast<std::int64_t>(shown[static_cast<std::size_t>(rank)]) - rank);
    // Cuts are found by the time from decoding the key frame to showing it: it stays as it was.
    const std::int64_t room = next.dts_ns - from_ns;
    const std::int64_t step =
        std::min({kStepNs, kLongestNs / count, (room - lead_ns()) / count, room / (count + delay)});
    if (step < kTickNs) return {};
    const std::int64_t lead = std::max(lead_ns(), delay * step);
    const std::int64_t start = next.dts_ns - lead - count * step;

    std::vector<ingest::TimedUnit> units;
    units.reserve(pictures_.size());
    for (const Picture& picture : pictures_) units.push_back(unit(picture));
    for (std::int64_t rank = 0; rank < count; ++rank) {
        const auto place = static_cast<std::int64_t>(shown[static_cast<std::size_t>(rank)]);
        auto& unit = units[static_cast<std::size_t>(place)];
        unit.dts_ns = start + place * step;
        if (unit.pts_ns < next.dts_ns) unit.pts_ns = start + lead + rank * step;
        // As if it had come at its time.
        unit.arrival_ns = next.arrival_ns - (next.dts_ns - unit.dts_ns);
    }
    return units;
}

}  // namespace sg::live
