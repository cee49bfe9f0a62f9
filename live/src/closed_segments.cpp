#include "closed_segments.hpp"

#include <algorithm>
#include <cstring>

#include <packagers/live_hls.hpp>

namespace sg::live {
namespace {

using packagers::LiveSegment;

/// Segments in a block; the tail has up to two more blocks of them.
constexpr std::size_t kBlock = 32;

std::int64_t micros(const LiveSegment& s) {
    return packagers::live_micros(s.duration, s.init->description.timescale);
}

class LinesBuilder {
  public:
    void begin() { lines_.offsets.push_back(static_cast<std::uint32_t>(text_.size())); }
    std::string& text() { return text_; }
    SegmentLines take() {
        lines_.text = to_bytes(text_);
        return std::move(lines_);
    }

  private:
    std::string text_;
    SegmentLines lines_;
};

}  // namespace

std::shared_ptr<const std::vector<std::byte>> to_bytes(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
}

MediaBytes text_piece(std::shared_ptr<const std::vector<std::byte>> text, std::size_t offset) {
    MediaBytes piece;
    piece.offset = offset;
    piece.bytes = text->size() - offset;
    piece.memory = std::move(text);
    return piece;
}

std::int64_t ClosedSegments::first_number() const {
    if (!blocks.empty()) return blocks.front()->entries.front()->number();
    return tail.empty() ? -1 : tail.front()->number();
}

std::int64_t ClosedSegments::end_number() const {
    if (!tail.empty()) return tail.back()->number() + 1;
    return blocks.empty() ? 0 : blocks.back()->entries.back()->number() + 1;
}

const SegmentEntry* ClosedSegments::find(std::int64_t number) const {
    if (empty() || number < first_number() || number >= end_number()) return nullptr;
    if (!tail.empty() && number >= tail.front()->number())
        return tail[static_cast<std::size_t>(number - tail.front()->number())].get();
    const auto block = std::prev(
        std::upper_bound(blocks.begin(), blocks.end(), number, [](std::int64_t n, const auto& b) {
            return n < b->entries.front()->number();
        }));
    return (*block)
        ->entries[static_cast<std::size_t>(number - (*block)->entries.front()->number())]
        .get();
}

void ClosedSegments::append_lines(std::int64_t number, std::vector<MediaBytes>& out) const {
    const auto add = [&](const std::vector<SegmentEntryPtr>& entries, const SegmentLines& lines) {
        if (entries.empty() || number > entries.back()->number()) return;
        const auto index =
            static_cast<std::size_t>(std::max<std::int64_t>(0, number - entries.front()->number()));
        out.push_back(text_piece(lines.text, lines.offsets[index]));
    };
    for (const auto& block : blocks) add(block->entries, block->lines);
    add(tail, tail_lines);
}

void SegmentLog::append(std::shared_ptr<const LiveSegment> segment, const MediaBytes& stored) {
    if (!now_.empty() && segment->number != now_.end_number()) clear();
    auto entry = std::make_shared<SegmentEntry>();
    entry->stored = stored;
    entry->bytes = stored.bytes != 0 ? stored.bytes : segment->bytes();
    const std::string& init = segment->init->description.init_file;
    entry->has_map = init != last_init_;
    last_init_ = init;
    packagers::append_live_segment(
        *segment, {packagers::LiveContainer::kCmaf, entry->has_map, false}, entry->text);
    memory_bytes_ += segment->bytes();
    if (!segment->date_ranges.empty())
        now_.date_ranges.emplace_back(segment->number, segment->date_ranges);
    entry->segment = std::move(segment);
    now_.tail.push_back(std::move(entry));
    dirty_ = true;
    // Without a view in between: a window that is restored.
    if (now_.tail.size() > 3 * kBlock) form_blocks();
}

void SegmentLog::set_stored(std::int64_t number, const MediaBytes& where) {
    if (now_.tail.empty() || number < now_.tail.front()->number() || number >= now_.end_number())
        return;
    SegmentEntryPtr& entry =
        now_.tail[static_cast<std::size_t>(number - now_.tail.front()->number())];
    auto changed = std::make_shared<SegmentEntry>(*entry);
    changed->stored = where;
    entry = std::move(changed);
    dirty_ = true;
}

void SegmentLog::set_ts(std::int64_t number, packagers::SharedBytes bytes) {
    if (now_.tail.empty() || number < now_.tail.front()->number() || number >= now_.end_number())
        return;
    SegmentEntryPtr& entry =
        now_.tail[static_cast<std::size_t>(number - now_.tail.front()->number())];
    auto changed = std::make_shared<SegmentEntry>(*entry);
    memory_bytes_ += bytes->size();
    changed->ts = std::move(bytes);
    entry = std::move(changed);
    streams_ = true;
    dirty_ = true;
}

void SegmentLog::demote(std::size_t keep) {
    const std::size_t count = now_.tail.size() > keep ? now_.tail.size() - keep : 0;
    for (std::size_t i = 0; i < count; ++i) {
        SegmentEntryPtr& entry = now_.tail[i];
        if (!entry->in_memory() || entry->stored.bytes == 0) continue;
        memory_bytes_ -= entry->segment->bytes() + (entry->ts ? entry->ts->size() : 0);
        auto bare = std::make_shared<LiveSegment>();
        const LiveSegment& full = *entry->segment;
        bare->epoch = full.epoch;
        bare->number = full.number;
        bare->start = full.start;
        bare->duration = full.duration;
        bare->closed = true;
        bare->independent = full.independent;
        bare->discontinuity = full.discontinuity;
        bare->gap = full.gap;
        bare->date = full.date;
        bare->init = full.init;
        auto changed = std::make_shared<SegmentEntry>(*entry);
        changed->segment = std::move(bare);
        changed->ts.reset();
        entry = std::move(changed);
        dirty_ = true;
    }
}

std::int64_t SegmentLog::newest_unstored_beyond(std::size_t keep) const {
    for (std::size_t i = now_.tail.size() > keep ? now_.tail.size() - keep : 0; i > 0; --i)
        if (now_.tail[i - 1]->in_memory()) return now_.tail[i - 1]->number();
    return -1;
}

void SegmentLog::drop_before(std::int64_t number) {
    std::erase_if(now_.date_ranges, [number](const auto& each) { return each.first < number; });
    while (!now_.blocks.empty() && now_.blocks.front()->entries.back()->number() < number) {
        for (const SegmentEntryPtr& e : now_.blocks.front()->entries)
            memory_bytes_ -= e->segment->bytes() + (e->ts ? e->ts->size() : 0);
        now_.blocks.erase(now_.blocks.begin());
        dirty_ = true;
    }
    if (!now_.blocks.empty()) return;
    auto keep = now_.tail.begin();
    for (; keep != now_.tail.end() && (*keep)->number() < number; ++keep)
        memory_bytes_ -= (*keep)->segment->bytes() + ((*keep)->ts ? (*keep)->ts->size() : 0);
    if (keep == now_.tail.begin()) return;
    now_.tail.erase(now_.tail.begin(), keep);
    dirty_ = true;
}

void SegmentLog::clear() {
    now_ = ClosedSegments{};
    memory_bytes_ = 0;
    last_init_.clear();
    dirty_ = true;
}

/// Only what will not change any more: stored and out of memory.
void SegmentLog::form_blocks() {
    while (now_.tail.size() >= 2 * kBlock) {
        const auto end = now_.tail.begin() + static_cast<std::ptrdiff_t>(kBlock);
        if (std::any_of(
                now_.tail.begin(), end, [](const SegmentEntryPtr& e) { return e->in_memory(); }))
            return;
        auto block = std::make_shared<SegmentBlock>();
        LinesBuilder lines;
        for (auto e = now_.tail.begin(); e != end; ++e) {
            lines.begin();
            lines.text() += (*e)->text;
            // The block has it.
            auto quiet = std::make_shared<SegmentEntry>(**e);
            quiet->text = {};
            block->entries.push_back(std::move(quiet));
        }
        block->lines = lines.take();
        now_.blocks.push_back(std::move(block));
        now_.tail.erase(now_.tail.begin(), end);
    }
}

void SegmentLog::rebuild() {
    form_blocks();
    std::size_t with_parts = now_.tail.size();
    for (std::int64_t after = 0; with_parts > 0 && after < parts_us_;) {
        --with_parts;
        after += micros(*now_.tail[with_parts]->segment);
    }
    LinesBuilder lines;
    LinesBuilder streams;
    for (std::size_t i = 0; i < now_.tail.size(); ++i) {
        const SegmentEntry& e = *now_.tail[i];
        lines.begin();
        if (i >= with_parts && e.in_memory())
            packagers::append_live_segment(
                *e.segment, {packagers::LiveContainer::kCmaf, e.has_map, true}, lines.text());
        else
            lines.text() += e.text;
        if (!streams_) continue;
        streams.begin();
        packagers::append_live_segment(
            *e.segment, {packagers::LiveContainer::kTs, false, false}, streams.text());
    }
    now_.tail_lines = lines.take();
    now_.tail_ts_lines = streams.take();
}

const std::shared_ptr<const ClosedSegments>& SegmentLog::snapshot() {
    if (dirty_) {
        rebuild();
        snapshot_ = std::make_shared<const ClosedSegments>(now_);
        dirty_ = false;
    }
    return snapshot_;
}

}  // namespace sg::live
