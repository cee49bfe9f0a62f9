#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <formats/ts_demuxer.hpp>

namespace sg::formats::ts {

/// Gathers the sections of one PID, ISO/IEC 13818-1 section 2.4.4.
class SectionGatherer {
  public:
    /// Calls `take` with each whole section whose CRC is right; false when one was not, or had an
    /// impossible length.
    template <class Take>
    bool payload(std::span<const std::byte> data, bool start, Take&& take) {
        bool good = true;
        if (start) {
            if (data.empty()) return true;
            const std::size_t pointer = std::to_integer<std::size_t>(data[0]);
            data = data.subspan(1);
            if (pointer > data.size()) {
                lost();
                return false;
            }
            if (active_) good = gather(data.first(pointer), take) && good;
            data = data.subspan(pointer);
            gathered_.clear();
            active_ = true;
        }
        if (active_) good = gather(data, take) && good;
        return good;
    }
    void lost() {
        gathered_.clear();
        active_ = false;
    }

  private:
    enum class State { kMore, kWhole, kStuffing, kBad };

    [[nodiscard]] State take_some(std::span<const std::byte>& data);

    template <class Take>
    bool gather(std::span<const std::byte> data, Take&& take) {
        while (!data.empty()) {
            switch (take_some(data)) {
                case State::kMore:
                    return true;
                case State::kWhole:
                    take(std::span<const std::byte>(gathered_));
                    gathered_.clear();
                    break;
                case State::kStuffing:
                    lost();
                    return true;
                case State::kBad:
                    lost();
                    return false;
            }
        }
        return true;
    }

    std::vector<std::byte> gathered_;
    bool active_ = false;  ///< since a section's start
};

struct PatSection {
    unsigned number = 0;
    unsigned last_number = 0;
    struct Entry {
        unsigned program = 0;
        unsigned pid = 0;
    };
    std::vector<Entry> entries;  ///< without the network PID
};

/// Nothing when it is another table or not valid yet (current_next_indicator). The section is whole
/// and its CRC checked.
[[nodiscard]] std::optional<PatSection> parse_pat(std::span<const std::byte> section);

/// Fills clock_pid and tracks. Nothing when it is another table, not valid yet, cut short or of
/// another program than `number`.
[[nodiscard]] std::optional<Program> parse_pmt(std::span<const std::byte> section,
                                               unsigned number,
                                               std::size_t max_tracks);

}  // namespace sg::formats::ts
