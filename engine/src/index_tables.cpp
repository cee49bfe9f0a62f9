#include "index_tables.hpp"

#include <algorithm>
#include <optional>

#include <base/file.hpp>
#include <formats/bmff_sample_table.hpp>
#include <ingest/picture_parser.hpp>
#include <ingest/source.hpp>
#include <ingest/timed_reader.hpp>
#include <media_av/libav.hpp>

#include "index_record.hpp"

namespace sg::engine {
namespace {

using formats::MovieFile;
using formats::Sample;
using formats::SampleCursor;
using formats::SampleTable;

/// Packets held against the tables at the front.
constexpr int kHeadPackets = 400;
/// The last key frame may be this share of the file away from its end; else the whole may as well
/// be read.
constexpr std::uint64_t kTailShare = 4;
/// The first slice of a key frame begins within this.
constexpr std::size_t kKeyHead = 2048;

/// How one stream's packets follow from its table.
struct Track {
    int stream = -1;
    std::uint32_t track_id = 0;
    const ingest::StreamFacts* facts = nullptr;
    std::optional<SampleTable> table;
    bool begun = false;
    std::uint64_t front_offset = 0;
    std::uint32_t first = 0;  ///< sample of the first packet
    std::uint32_t end = 0;    ///< one past the sample of the last
    std::int64_t pts_offset = 0;
    std::int64_t dts_offset = 0;
    std::vector<IndexRecord> head;  ///< as delivered: from sample `first` on
    std::vector<IndexRecord> tail;  ///< as delivered: up to the last
    std::uint32_t tail_first = 0;
    std::optional<SampleCursor> cursor;  ///< for the comparison
    Sample expected;
};

bool same(const IndexRecord& r, const Sample& s, const Track& t) {
    // The demuxer shortens the last one to the end of the edit; it is taken as delivered.
    const bool last = s.index + 1 == t.table->samples();
    return r.position == static_cast<std::int64_t>(s.offset) &&
           r.bytes == static_cast<std::int64_t>(s.size) && r.dts == s.dts + t.dts_offset &&
           r.pts == s.dts + s.composition_offset + t.pts_offset && r.key == s.key &&
           (last || r.duration_ns == source_ns(s.duration, t.facts->timebase)) && !r.filled;
}

/// Puts the cursor on the sample at this position; false when there is none.
bool find_sample(Track& t, std::int64_t position, std::uint32_t from) {
    t.cursor.emplace(*t.table);
    if (!t.cursor->seek(from)) return false;
    while (t.cursor->next(t.expected)) {
        if (static_cast<std::int64_t>(t.expected.offset) == position) return true;
    }
    return false;
}

bool meet_head(Track& t, const IndexRecord& r) {
    if (!t.begun) {
        if (!find_sample(t, r.position, 0) || r.dts == media::kNoTime) return false;
        t.begun = true;
        t.front_offset = t.expected.offset;
        t.first = t.expected.index;
        t.dts_offset = r.dts - t.expected.dts;
        t.pts_offset = r.pts - t.expected.dts - t.expected.composition_offset;
    } else if (!t.cursor->next(t.expected)) {
        return false;
    }
    t.head.push_back(r);
    return same(r, t.expected, t);
}

bool meet_tail(Track& t, const IndexRecord& r) {
    if (t.tail.empty()) {
        if (!find_sample(t, r.position, t.first)) return false;
        t.tail_first = t.expected.index;
    } else if (!t.cursor->next(t.expected)) {
        return false;
    }
    t.end = t.expected.index + 1;
    t.tail.push_back(r);
    return same(r, t.expected, t);
}

/// One edit at most, after an empty one at most: then one offset holds for the whole track.
bool plain_edits(const formats::TrackInfo& track) {
    const auto real = std::count_if(track.edits.begin(),
                                    track.edits.end(),
                                    [](const formats::Edit& e) { return e.media_time >= 0; });
    return real <= 1 && track.edits.size() <= 2;
}

Result<bool> fatal_or_false(const Error& e) {
    if (e.code == Errc::kCancelled || e.code == Errc::kIo || e.code == Errc::kTimeout) return e;
    return false;
}

class TableReader {
  public:
    TableReader(ingest::TimedReader& reader, const MovieFile& movie)
        : reader_(reader), input_(reader.input()), movie_(movie) {}

    [[nodiscard]] bool add_stream(int stream) {
        const auto& facts = input_.facts().streams[static_cast<std::size_t>(stream)];
        const auto& tracks = movie_.info().tracks;
        for (std::size_t i = 0; i < tracks.size(); ++i) {
            if (static_cast<std::int64_t>(tracks[i].id) != facts.id) continue;
            if (!plain_edits(tracks[i]) ||
                tracks[i].timescale != static_cast<std::uint64_t>(facts.timebase.den))
                return false;
            auto table = movie_.samples(i);
            if (!table || table->samples() == 0) return false;
            Track t;
            t.stream = stream;
            t.track_id = tracks[i].id;
            t.facts = &facts;
            t.table.emplace(std::move(*table));
            tracks_.push_back(std::move(t));
            return true;
        }
        return false;
    }

    [[nodiscard]] Result<bool> compare() {
        SG_TRY_ASSIGN(const bool head, compare_head());
        if (!head) return false;
        return compare_tail();
    }

    [[nodiscard]] Result<bool> emit(const std::function<void(const IndexRecord&)>& out) {
        for (auto& t : tracks_) {
            SG_TRY(emit(t, out));
        }
        return true;
    }

    /// Every sample can be walked and lies inside the file.
    [[nodiscard]] bool sound() {
        for (auto& t : tracks_) {
            SampleCursor cursor(*t.table);
            Sample s;
            std::uint32_t count = 0;
            while (cursor.next(s)) {
                ++count;
                if (s.size == 0 ||
                    s.offset + s.size > static_cast<std::uint64_t>(input_.facts().bytes))
                    return false;
            }
            if (cursor.damaged() || count != t.table->samples()) return false;
        }
        return true;
    }

    /// Of the tracks about whose packets there is nothing to know but what the tables say.
    [[nodiscard]] std::vector<StreamTable> tables() const {
        std::vector<StreamTable> out;
        for (const auto& t : tracks_) {
            const auto cut = [](const IndexRecord& r) { return r.discard; };
            const auto kept = std::find_if_not(t.head.begin(), t.head.end(), cut);
            const auto trimmed = [](const IndexRecord& r) {
                return r.skip_samples != 0 || r.drop_samples != 0;
            };
            const bool plain = kept != t.head.end() && t.head.front().drop_samples == 0 &&
                               std::none_of(t.head.begin() + 1, t.head.end(), trimmed) &&
                               std::none_of(t.tail.begin(), t.tail.end(), trimmed) &&
                               std::none_of(kept, t.head.end(), cut) &&
                               std::none_of(t.tail.begin(), t.tail.end(), cut);
            if (!plain || t.table->grouped_keys()) continue;
            out.push_back(
                {t.stream,
                 t.track_id,
                 {t.first, t.end, t.pts_offset, static_cast<std::uint32_t>(kept - t.head.begin())},
                 t.dts_offset,
                 media::rescale(t.tail.back().duration_ns,
                                media::kNanoseconds,
                                t.facts->timebase,
                                media::Rounding::kNearest),
                 t.head.front().skip_samples});
        }
        return out;
    }

  private:
    [[nodiscard]] Track* track_of(int stream) {
        const auto found = std::find_if(
            tracks_.begin(), tracks_.end(), [&](const Track& t) { return t.stream == stream; });
        return found != tracks_.end() ? &*found : nullptr;
    }

    [[nodiscard]] Result<bool> compare_head() {
        SG_TRY(reader_.seek({}, pipeline::SeekMethod::kScan, -1));
        for (int i = 0; i < kHeadPackets; ++i) {
            auto timed = reader_.read();
            if (!timed) return fatal_or_false(timed.error());
            Track* t = track_of(timed->packet.stream());
            if (t == nullptr || !meet_head(*t, to_record(*timed, *t->facts))) return false;
        }
        return std::all_of(tracks_.begin(), tracks_.end(), [](const Track& t) { return t.begun; });
    }

    /// From the last key frame of the video, or the last seconds of sound, to the end.
    [[nodiscard]] Result<bool> compare_tail() {
        const auto video = std::find_if(tracks_.begin(), tracks_.end(), [](const Track& t) {
            return t.facts->type == media::MediaType::kVideo;
        });
        Track& lead = video != tracks_.end() ? *video : tracks_.front();
        SampleCursor cursor(*lead.table);
        Sample s;
        std::optional<Sample> key;
        const std::uint32_t least = lead.first + static_cast<std::uint32_t>(lead.head.size());
        const std::uint32_t latest = lead.table->samples() > 100 ? lead.table->samples() - 100 : 0;
        std::uint64_t end = 0;
        while (cursor.next(s)) {
            end = std::max(end, s.offset + s.size);
            if (s.key && s.index >= least && (!key || s.index <= latest)) key = s;
        }
        if (!key) return false;
        const auto payload = end - lead.front_offset;
        if (end - key->offset > payload / kTailShare) return false;
        const pipeline::SeekPoint point{key->dts + key->composition_offset + lead.pts_offset,
                                        key->dts + lead.dts_offset,
                                        static_cast<std::int64_t>(key->offset)};
        if (const auto sought = reader_.seek(point, pipeline::SeekMethod::kTime, lead.stream);
            !sought)
            return fatal_or_false(sought.error());
        for (;;) {
            auto timed = reader_.read();
            if (!timed) {
                if (timed.error().code == Errc::kEndOfStream) break;
                return fatal_or_false(timed.error());
            }
            Track* t = track_of(timed->packet.stream());
            if (t == nullptr || !meet_tail(*t, to_record(*timed, *t->facts))) return false;
        }
        return std::all_of(tracks_.begin(), tracks_.end(), [](const Track& t) {
            return !t.tail.empty() && t.tail_first >= t.first + t.head.size();
        });
    }

    [[nodiscard]] Status emit(Track& t, const std::function<void(const IndexRecord&)>& out) {
        ingest::PictureParser parser(*t.facts->info);
        const bool video = t.facts->type == media::MediaType::kVideo;
        for (const auto& r : t.head) out(r);
        SampleCursor cursor(*t.table);
        SG_TRY(cursor.seek(t.first + static_cast<std::uint32_t>(t.head.size())));
        Sample s;
        while (cursor.next(s) && s.index < t.tail_first) {
            IndexRecord r;
            r.stream = t.stream;
            r.dts = s.dts + t.dts_offset;
            r.pts = s.dts + s.composition_offset + t.pts_offset;
            r.pts_ns = source_ns(r.pts, t.facts->timebase);
            r.time_ns = source_ns(r.dts, t.facts->timebase);
            r.duration_ns = source_ns(s.duration, t.facts->timebase);
            r.position = static_cast<std::int64_t>(s.offset);
            r.bytes = s.size;
            r.key = s.key;
            if (video && s.key) {
                SG_TRY_ASSIGN(r.idr, is_idr(parser, s));
            }
            out(r);
        }
        for (const auto& r : t.tail) out(r);
        return {};
    }

    [[nodiscard]] Result<bool> is_idr(ingest::PictureParser& parser, const Sample& s) {
        media::Packet packet;
        const auto size = std::min<std::size_t>(s.size, kKeyHead);
        if (av_new_packet(packet.native(), static_cast<int>(size)) < 0)
            return Error{Errc::kLimit, "index " + input_.facts().name + ": out of memory"};
        packet.native()->flags |= AV_PKT_FLAG_KEY;
        const std::span bytes(reinterpret_cast<std::byte*>(packet.native()->data), size);
        SG_TRY_ASSIGN(const std::size_t got,
                      read_at(input_.fd(), s.offset, bytes, input_.facts().name));
        return got == size && parser.starts_idr(packet, s.size);
    }

    ingest::TimedReader& reader_;
    ingest::MediaInput& input_;
    const MovieFile& movie_;
    std::vector<Track> tracks_;
};

}  // namespace

Result<bool> records_from_tables(ingest::TimedReader& reader,
                                 const std::vector<int>& streams,
                                 const std::function<void(const IndexRecord&)>& emit,
                                 std::vector<StreamTable>& tables) {
    auto& input = reader.input();
    if (!input.facts().demuxer.starts_with("mov,")) return false;
    const formats::ReadAt read = [&](std::uint64_t offset, std::span<std::byte> into) {
        return read_at(input.fd(), offset, into, input.facts().name);
    };
    const auto movie = MovieFile::open(read, {});
    if (!movie || movie->info().fragmented) return false;
    TableReader reading(reader, *movie);
    for (const int stream : streams) {
        if (!reading.add_stream(stream)) return false;
    }
    if (streams.empty() || !reading.sound()) return false;
    SG_TRY_ASSIGN(const bool agrees, reading.compare());
    if (!agrees) return false;
    tables = reading.tables();
    return reading.emit(emit);
}

}  // namespace sg::engine
