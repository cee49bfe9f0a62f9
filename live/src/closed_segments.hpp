#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <live/playback.hpp>

#include <packagers/live_media.hpp>

// A rendition's closed segments: immutable snapshots that share everything old. A window of hours
// is blocks of segments with their text ready, and a short tail.

namespace sg::live {

struct SegmentEntry {
    std::shared_ptr<const packagers::LiveSegment> segment;  ///< without parts when only stored
    MediaBytes stored;                                      ///< 0 bytes: not stored
    packagers::SharedBytes ts;
    std::uint64_t bytes = 0;
    bool has_map = false;  ///< its text names the init segment
    std::string text;      ///< playlist lines without parts

    [[nodiscard]] std::int64_t number() const { return segment->number; }
    [[nodiscard]] bool in_memory() const { return !segment->parts.empty(); }
};
using SegmentEntryPtr = std::shared_ptr<const SegmentEntry>;

/// The lines of some segments, one after the other.
struct SegmentLines {
    std::shared_ptr<const std::vector<std::byte>> text;
    std::vector<std::uint32_t> offsets;  ///< where each begins
};

struct SegmentBlock {
    std::vector<SegmentEntryPtr> entries;
    SegmentLines lines;
};

struct ClosedSegments {
    std::vector<std::shared_ptr<const SegmentBlock>> blocks;
    std::vector<SegmentEntryPtr> tail;
    SegmentLines tail_lines;     ///< the newest with their parts
    SegmentLines tail_ts_lines;  ///< of the tail's segments that have a transport stream
    /// EXT-X-DATERANGE lines of segments that have some, by number.
    std::vector<std::pair<std::int64_t, std::string>> date_ranges;

    [[nodiscard]] bool empty() const { return blocks.empty() && tail.empty(); }
    /// Numbers in [first, end) are here; numbers follow each other. Empty: -1 and 0.
    [[nodiscard]] std::int64_t first_number() const;
    [[nodiscard]] std::int64_t end_number() const;
    [[nodiscard]] const SegmentEntry* find(std::int64_t number) const;
    /// The lines of all segments from `number` on.
    void append_lines(std::int64_t number, std::vector<MediaBytes>& out) const;
};

[[nodiscard]] MediaBytes text_piece(std::shared_ptr<const std::vector<std::byte>> text,
                                    std::size_t offset = 0);
[[nodiscard]] std::shared_ptr<const std::vector<std::byte>> to_bytes(std::string_view text);

/// The changing side: makes a new snapshot when asked. On the channel's thread.
class SegmentLog {
  public:
    /// `parts_us`: segments that end less than this before the newest one's end list their parts; 0
    /// lists none.
    explicit SegmentLog(std::int64_t parts_us) : parts_us_(parts_us) {}

    void append(std::shared_ptr<const packagers::LiveSegment> segment,
                const MediaBytes& stored = {});
    void set_stored(std::int64_t number, const MediaBytes& where);
    void set_ts(std::int64_t number, packagers::SharedBytes bytes);
    /// Lets go of memory: all but the newest `keep` segments, as far as they are stored. Segments
    /// whose bytes are nowhere else stay.
    void demote(std::size_t keep);
    void drop_before(std::int64_t number);
    void clear();
    /// Nothing will follow: whole segments are all that anybody needs.
    void hide_parts() {
        parts_us_ = 0;
        dirty_ = true;
    }

    /// The newest segment that only memory has, beyond the newest `keep`; -1.
    [[nodiscard]] std::int64_t newest_unstored_beyond(std::size_t keep) const;
    [[nodiscard]] std::int64_t end_number() const { return now_.end_number(); }
    [[nodiscard]] const SegmentEntry* find(std::int64_t number) const { return now_.find(number); }
    [[nodiscard]] std::uint64_t bytes_in_memory() const { return memory_bytes_; }
    [[nodiscard]] const std::shared_ptr<const ClosedSegments>& snapshot();

  private:
    void rebuild();
    void form_blocks();

    std::int64_t parts_us_;
    ClosedSegments now_;
    std::shared_ptr<const ClosedSegments> snapshot_ = std::make_shared<const ClosedSegments>();
    bool dirty_ = false;
    std::uint64_t memory_bytes_ = 0;
    std::string last_init_;
    bool streams_ = false;  ///< some have transport streams
};

}  // namespace sg::live
