#include "unit_queue.hpp"

#include <algorithm>
#include <utility>

namespace sg::live {
namespace {

/// A hole in sound is worse than one in pictures, and encoding it costs next to nothing.
constexpr std::int64_t kSoundFactor = 2;

}  // namespace

void UnitQueue::steer(std::string message) {
    bytes_ += message.size();
    entries_.push_back({std::nullopt, std::move(message)});
}

bool UnitQueue::over() const {
    if (bytes_ > limits_.bytes) return true;
    struct Span {
        std::int64_t first = INT64_MAX;
        std::int64_t last = INT64_MIN;
    };
    Span pictures;
    Span all;
    for (const auto& entry : entries_) {
        if (!entry.unit) continue;
        for (auto* span : {&pictures, &all}) {
            if (span == &pictures && !entry.unit->video) continue;
            span->first = std::min(span->first, entry.unit->dts_ns);
            span->last = std::max(span->last, entry.unit->dts_ns);
        }
    }
    const auto longer = [](const Span& span, std::int64_t limit) {
        return span.first <= span.last && span.last - span.first > limit;
    };
    return longer(pictures, limits_.duration.count()) ||
           longer(all, kSoundFactor * limits_.duration.count());
}

/// Drops a track's units among the first `count` entries.
void UnitQueue::drop(std::size_t count, int track) {
    std::size_t at = 0;
    std::erase_if(entries_, [&](const Entry& entry) {
        const bool gone = at++ < count && entry.unit && entry.unit->track == track;
        if (gone) {
            bytes_ -= entry.message.size();
            ++dropped_;
        }
        return gone;
    });
}

void UnitQueue::make_room() {
    // Pictures up to the newest key frame behind others; all of them when there is none, and those
    // that come until the next.
    for (std::size_t i = entries_.size(); i-- > 0;) {
        const auto unit = entries_[i].unit;
        if (!unit || !unit->video) continue;
        std::size_t key = entries_.size();
        for (std::size_t k = entries_.size(); k-- > 0 && key == entries_.size();) {
            const auto& other = entries_[k].unit;
            if (other && other->track == unit->track && other->key) key = k;
        }
        const bool leads = std::none_of(
            entries_.begin(),
            entries_.begin() + static_cast<std::ptrdiff_t>(std::min(key, entries_.size())),
            [&](const Entry& e) { return e.unit && e.unit->track == unit->track; });
        if (key == entries_.size() || leads) {
            key = entries_.size();
            needs_key_[unit->track] = true;
        }
        drop(key, unit->track);
        if (!over()) return;
        break;
    }
    while (over()) {
        const auto oldest = std::find_if(
            entries_.begin(), entries_.end(), [](const Entry& e) { return e.unit.has_value(); });
        if (oldest == entries_.end()) return;
        bytes_ -= oldest->message.size();
        ++dropped_;
        if (oldest->unit->video) needs_key_[oldest->unit->track] = true;
        entries_.erase(oldest);
    }
}

bool UnitQueue::push(const Unit& unit, std::string message) {
    if (unit.video) {
        auto& needs_key = needs_key_[unit.track];
        if (needs_key && !unit.key) {
            ++dropped_;
            return false;
        }
        needs_key = false;
    }
    bytes_ += message.size();
    entries_.push_back({unit, std::move(message)});
    if (over()) make_room();
    return true;
}

std::optional<std::string> UnitQueue::pop() {
    if (entries_.empty()) return std::nullopt;
    auto message = std::move(entries_.front().message);
    bytes_ -= message.size();
    entries_.pop_front();
    return message;
}

void UnitQueue::clear() {
    entries_.clear();
    needs_key_.clear();
    bytes_ = 0;
}

}  // namespace sg::live
