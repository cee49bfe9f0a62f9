#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <formats/av1.hpp>
#include <formats/nal.hpp>
#include <formats/vp9.hpp>

#include "verify_media.hpp"

namespace sg::engine {
namespace {

using formats::Codec;
using formats::fourcc;
using formats::ParsedFragment;
using formats::ParsedSample;
using formats::RandomAccess;

RandomAccess random_access(const formats::CodecConfig& config, std::span<const std::byte> sample) {
    switch (config.codec) {
        case Codec::kH264:
            return formats::access_unit_random_access(
                formats::NalCodec::kH264, sample, config.nal_length_size);
        case Codec::kHevc:
            return formats::access_unit_random_access(
                formats::NalCodec::kHevc, sample, config.nal_length_size);
        case Codec::kAv1:
            return formats::av1_random_access(sample);
        case Codec::kVp9:
            return formats::parse_vp9_key_frame(sample) ? RandomAccess::kClosed
                                                        : RandomAccess::kNone;
        default:
            return RandomAccess::kClosed;
    }
}

/// Whether the lengths inside a sample lead exactly to its end.
bool whole_sample(const formats::CodecConfig& config, std::span<const std::byte> sample) {
    if (config.nal_length_size != 0) {
        formats::LengthPrefixedNals nals(sample, config.nal_length_size);
        std::span<const std::byte> nal;
        bool any = false;
        while (nals.next(nal)) {
            // forbidden_zero_bit: what stands where a header should be is none.
            if ((nal.front() & std::byte{0x80}) != std::byte{0}) return false;
            any = true;
        }
        return any && !nals.damaged();
    }
    if (config.codec == Codec::kAv1) {
        formats::Obus obus(sample);
        formats::Obu obu;
        bool any = false;
        while (obus.next(obu)) any = true;
        return any && !obus.damaged();
    }
    return !sample.empty();
}

class CmafReader final : public SegmentReader {
  public:
    CmafReader(Track& track, CheckBook& checks) : track_(track), checks_(checks) {}

    [[nodiscard]] bool start(const InitRef& ref, std::span<const std::byte> bytes) override;
    void read(const SegmentRef& ref, std::span<const std::byte> bytes) override;
    void skip() override {
        if (!track_.streams.empty()) stream().segments.emplace_back();
    }

  private:
    [[nodiscard]] MeasuredStream& stream() { return track_.streams.front(); }
    [[nodiscard]] bool may_reorder() {
        const auto& codec = stream().codec;
        return codec && (codec->codec == Codec::kH264 || codec->codec == Codec::kHevc) &&
               codec->video.reorder_depth != 0;
    }
    void fail(const char* check, std::string detail) {
        checks_.fail(check, track_.subject, std::move(detail));
    }
    void choose_track(const InitRef& ref, const formats::MovieInfo& movie);
    [[nodiscard]] bool sound(const std::string& label,
                             const formats::ParsedSegment& parsed,
                             std::span<const std::byte> bytes);
    void count_steps(const MeasuredSegment& segment,
                     std::span<const std::int64_t> shown,
                     const std::string& label);
    void count_step(std::int64_t step);
    void take_open_end(std::span<const std::int64_t> shown, MeasuredSegment& out) const;
    void measure(const std::string& label,
                 const std::vector<const ParsedFragment*>& fragments,
                 std::span<const std::byte> bytes,
                 MeasuredSegment& out);
    void check_start(const std::string& label,
                     const ParsedSample& first,
                     bool leading,
                     std::span<const std::byte> bytes,
                     MeasuredSegment& out);
    void check_follows(const std::string& label, const MeasuredSegment& now);

    Track& track_;
    CheckBook& checks_;
    formats::TrackInfo info_;
    std::vector<formats::TrackExtends> extends_;
    bool leading_ = false;  ///< the last segment has pictures shown before its first
    std::string last_label_;
    bool odd_step_ = false;  ///< the last sample so far is not shown as long as the others
    bool varies_ = false;
};

bool CmafReader::start(const InitRef& ref, std::span<const std::byte> bytes) {
    const auto label = segment_label(ref);
    const auto movie = formats::parse_init(bytes);
    if (!checks_.expect(movie.has_value(), kind::kInit, track_.subject, [&] {
            return fmt::format("{}: {}", label, movie.error().message);
        }))
        return false;
    if (!checks_.expect(!movie->tracks.empty(), kind::kInit, track_.subject, [&] {
            return label + ": it has no track";
        }))
        return false;
    checks_.expect(movie->fragmented, kind::kInit, track_.subject, [&] {
        return label + ": it has no mvex box, so no fragment may follow";
    });
    choose_track(ref, *movie);
    if (!checks_.expect(info_.timescale != 0, kind::kInit, track_.subject, [&] {
            return label + ": its timescale is 0";
        }))
        return false;
    checks_.expect(info_.sample_entries == 1, kind::kInit, track_.subject, [&] {
        return fmt::format("{}: it has {} sample entries", label, info_.sample_entries);
    });

    if (track_.streams.empty()) {
        auto& s = track_.streams.emplace_back();
        s.timescale = info_.timescale;
        s.type = info_.handler == fourcc("vide")   ? StreamType::kVideo
                 : info_.handler == fourcc("soun") ? StreamType::kAudio
                                                   : StreamType::kOther;
    }
    if (stream().timescale != info_.timescale) {
        fail(kind::kInit,
             fmt::format("{}: the timescale changes from {} to {}",
                         label,
                         stream().timescale,
                         info_.timescale));
        return false;
    }
    for (const auto& e : info_.edits) {
        if (e.media_time > 0) stream().edit_shift = e.media_time;
    }
    checks_.recommend(info_.edits.empty(), kind::kInit, track_.subject, [&] {
        return label + ": it has an edit list, which players treat differently";
    });
    auto config = formats::codec_config_of(info_);
    if (!config) {
        if (stream().type != StreamType::kOther)
            checks_.warn(
                kind::kInit,
                track_.subject,
                fmt::format(
                    "{}: {}; what it declares is not checked", label, config.error().message));
        return true;
    }
    if (!stream().codec) {
        const bool video = formats::is_video(config->codec);
        checks_.expect(
            video == (stream().type == StreamType::kVideo), kind::kInit, track_.subject, [&] {
                return fmt::format(
                    "{}: its handler is not that of {}", label, formats::codec_name(config->codec));
            });
        // ISO/IEC 14496-12 section 12.1.3: the size of the sample entry is that of the pictures.
        const auto& v = config->video;
        checks_.expect(
            !video || v.width == 0 || (v.width == info_.width && v.height == info_.height),
            kind::kInit,
            track_.subject,
            [&] {
                return fmt::format("{}: the sample entry says {}x{}, the bitstream {}x{}",
                                   label,
                                   info_.width,
                                   info_.height,
                                   v.width,
                                   v.height);
            });
        stream().codec = std::move(config).value();
        auto& known = stream().codec->video;
        if (known.width == 0) known.width = info_.width;
        if (known.height == 0) known.height = info_.height;
        if (known.sar_num == 0 && info_.sar_num != 0) {
            known.sar_num = info_.sar_num;
            known.sar_den = info_.sar_den;
        }
        if (known.transfer == 2 && info_.colour) known.transfer = info_.colour->transfer;
    }
    return true;
}

void CmafReader::choose_track(const InitRef& ref, const formats::MovieInfo& movie) {
    checks_.recommend(movie.tracks.size() == 1, kind::kInit, track_.subject, [&] {
        return fmt::format("{}: it holds {} tracks (CMAF has one); only one is checked",
                           segment_label(ref),
                           movie.tracks.size());
    });
    const auto video =
        std::find_if(movie.tracks.begin(), movie.tracks.end(), [](const formats::TrackInfo& t) {
            return t.handler == fourcc("vide");
        });
    info_ = video != movie.tracks.end() ? *video : movie.tracks.front();
    extends_.clear();
    for (const auto& t : movie.tracks) extends_.push_back(t.extends);
}

bool CmafReader::sound(const std::string& label,
                       const formats::ParsedSegment& parsed,
                       std::span<const std::byte> bytes) {
    for (std::size_t i = 0; i < parsed.boxes.size(); ++i) {
        if (parsed.boxes[i] != fourcc("moof")) continue;
        if (i + 1 == parsed.boxes.size() || parsed.boxes[i + 1] != fourcc("mdat")) {
            fail(kind::kStructure,
                 fmt::format("{}: box {} is a moof without an mdat after it", label, i + 1));
            return false;
        }
    }
    std::vector<formats::Box> payloads;
    formats::Boxes boxes(bytes);
    for (formats::Box box; boxes.next(box);) {
        if (box.type == fourcc("mdat")) payloads.push_back(box);
    }
    const auto* config = stream().codec ? &*stream().codec : nullptr;
    auto payload = payloads.begin();
    for (const auto& f : parsed.fragments) {
        if (f.track_id != info_.id) continue;
        while (payload != payloads.end() && payload->offset < f.offset) ++payload;
        if (payload == payloads.end() || !f.has_decode_time || f.samples.empty() ||
            f.decode_time >
                static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 4)) {
            fail(kind::kStructure,
                 fmt::format("{}: the fragment at byte {} has {}",
                             label,
                             f.offset,
                             f.samples.empty() ? "no samples" : "no usable decode time (tfdt)"));
            return false;
        }
        std::uint64_t filled = 0;
        for (std::size_t i = 0; i < f.samples.size(); ++i) {
            const auto& s = f.samples[i];
            filled += s.size;
            if (s.offset < payload->offset ||
                s.offset + s.size > payload->offset + payload->whole.size()) {
                fail(kind::kStructure,
                     fmt::format("{}: sample {} of the fragment at byte {} lies outside its mdat",
                                 label,
                                 i + 1,
                                 f.offset));
                return false;
            }
            if (config == nullptr ||
                whole_sample(*config, bytes.subspan(static_cast<std::size_t>(s.offset), s.size)))
                continue;
            fail(
                kind::kStructure,
                fmt::format(
                    "{}: sample {} of the fragment at byte {} is damaged", label, i + 1, f.offset));
            return false;
        }
        checks_.recommend(
            parsed.fragments.size() != payloads.size() || filled == payload->payload.size(),
            kind::kStructure,
            track_.subject,
            [&] {
                return fmt::format(
                    "{}: the samples of the fragment at byte {} are {} bytes, its "
                    "mdat holds {}",
                    label,
                    f.offset,
                    filled,
                    payload->payload.size());
            });
    }
    return true;
}

void CmafReader::read(const SegmentRef& ref, std::span<const std::byte> bytes) {
    const auto label = segment_label(ref);
    MeasuredSegment now;
    now.bytes = bytes.size();
    checks_.checked(kind::kStructure, track_.subject);
    const auto parsed = formats::parse_segment(bytes, extends_);
    if (!parsed) fail(kind::kStructure, fmt::format("{}: {}", label, parsed.error().message));
    if (parsed && sound(label, *parsed, bytes)) {
        std::vector<const ParsedFragment*> ours;
        for (const auto& f : parsed->fragments) {
            if (f.track_id == info_.id) ours.push_back(&f);
        }
        if (ours.empty()) {
            fail(kind::kStructure,
                 fmt::format("{}: it has no fragment of track {}", label, info_.id));
        } else {
            measure(label, ours, bytes, now);
        }
    }
    if (now.known) check_follows(label, now);
    last_label_ = label;
    stream().segments.push_back(std::move(now));
}

/// Constant when every sample but perhaps the track's last is shown for the same time.
void CmafReader::count_step(std::int64_t step) {
    auto& s = stream();
    s.longest_sample = std::max(s.longest_sample, step);
    s.shortest_sample = s.shortest_sample == 0 ? step : std::min(s.shortest_sample, step);
    if (odd_step_) varies_ = true;
    if (s.sample_duration == 0 && !varies_) s.sample_duration = step;
    if (step != s.sample_duration) odd_step_ = true;
    if (varies_) s.sample_duration = 0;
}

/// Decode times may be squeezed together: how long a sample is shown follows from when the next one
/// is.
void CmafReader::count_steps(const MeasuredSegment& segment,
                             std::span<const std::int64_t> shown,
                             const std::string& label) {
    const auto twice = std::adjacent_find(shown.begin(), shown.end());
    checks_.expect(twice == shown.end(), kind::kContinuity, track_.subject, [&] {
        return fmt::format("{}: two samples are shown at tick {}", label, *twice);
    });
    for (std::size_t i = 1; i < shown.size(); ++i) count_step(shown[i] - shown[i - 1]);
    const auto last = segment.first_shown + segment.duration - shown.back();
    if (last > 0 && segment.unsure == 0) count_step(last);
}

/// A first segment whose decode times start with its first picture, but may end before its last one
/// does, so that later ones keep a lead. The next segment tells by how much.
void CmafReader::take_open_end(std::span<const std::int64_t> shown, MeasuredSegment& out) const {
    if (shown.size() == 1) {
        out.unsure = out.duration;
        return;
    }
    std::int64_t longest = 0;
    for (std::size_t i = 1; i < shown.size(); ++i) {
        longest = std::max(longest, shown[i] - shown[i - 1]);
    }
    out.duration = out.last_shown - out.first_shown + shown.back() - shown[shown.size() - 2];
    out.unsure = std::max(longest, out.unsure);
}

void CmafReader::measure(const std::string& label,
                         const std::vector<const ParsedFragment*>& fragments,
                         std::span<const std::byte> bytes,
                         MeasuredSegment& out) {
    const auto& first = fragments.front()->samples.front();
    out.decode_time = static_cast<std::int64_t>(fragments.front()->decode_time);
    std::vector<std::int64_t> shown;
    bool reorders = false;
    std::int64_t time = out.decode_time;
    for (const auto* f : fragments) {
        const auto begins = static_cast<std::int64_t>(f->decode_time);
        checks_.expect(begins == time, kind::kContinuity, track_.subject, [&] {
            return fmt::format(
                "{}: the fragment at byte {} starts at tick {}, the one before ends at {}: {}",
                label,
                f->offset,
                begins,
                time,
                gap_text(begins - time, info_.timescale));
        });
        time = begins;
        const auto& key = f->samples.front();
        const bool video_key =
            key.key &&
            (!stream().codec || random_access(*stream().codec,
                                              bytes.subspan(static_cast<std::size_t>(key.offset),
                                                            key.size)) != RandomAccess::kNone);
        out.fragments.push_back(
            {f->offset, key.offset + key.size, begins + key.composition_offset, video_key});
        for (const auto& s : f->samples) {
            shown.push_back(time + s.composition_offset);
            reorders |= s.composition_offset != 0;
            time += s.duration;
        }
        out.samples += static_cast<std::int64_t>(f->samples.size());
    }
    out.decode_end = time;
    out.duration = time - out.decode_time;
    out.known = out.duration > 0;
    if (!out.known) fail(kind::kStructure, label + ": its samples have no duration");
    out.first_shown = *std::min_element(shown.begin(), shown.end());
    std::sort(shown.begin(), shown.end());
    out.last_shown = shown.back();
    const bool alone = shown.size() == 1 && stream().segments.empty() && may_reorder();
    if (shown.size() > 1) {
        // A last sample may be held for what another track has more: not all playlists count that.
        const auto last = out.duration - (out.last_shown - out.first_shown);
        const auto before = shown.back() - shown[shown.size() - 2];
        if (last > 2 * before) {
            out.unsure = last - before;
            out.duration -= out.unsure;
        }
    }
    if ((reorders || alone) && out.first_shown == out.decode_time) take_open_end(shown, out);
    count_steps(out, shown, label);
    leading_ = out.first_shown < out.decode_time + first.composition_offset;
    check_start(label, first, leading_, bytes, out);
}

void CmafReader::check_start(const std::string& label,
                             const ParsedSample& first,
                             bool leading,
                             std::span<const std::byte> bytes,
                             MeasuredSegment& out) {
    const auto* config = stream().codec ? &*stream().codec : nullptr;
    checks_.checked(kind::kKeyFrame, track_.subject);
    const auto access =
        config != nullptr
            ? random_access(*config,
                            bytes.subspan(static_cast<std::size_t>(first.offset), first.size))
            : RandomAccess::kClosed;
    out.key = first.key && access != RandomAccess::kNone;
    if (!first.key) {
        fail(kind::kKeyFrame,
             fmt::format("{}: its first sample is not marked as a key frame{}",
                         label,
                         access == RandomAccess::kNone ? ", and is none" : ""));
    } else if (access == RandomAccess::kNone) {
        fail(kind::kKeyFrame,
             fmt::format("{}: its first sample is marked as a key frame, but the bitstream is none",
                         label));
    } else if (track_.independent && leading) {
        fail(kind::kKeyFrame,
             fmt::format("{}: pictures are shown before its key frame (open GOP), but the playlist "
                         "says EXT-X-INDEPENDENT-SEGMENTS",
                         label));
    }
}

void CmafReader::check_follows(const std::string& label, const MeasuredSegment& now) {
    auto& done = stream().segments;
    if (done.empty() || !done.back().known) return;
    auto& before = done.back();
    const auto scale = info_.timescale;
    const bool follows = checks_.expect(
        now.decode_time == before.decode_end, kind::kContinuity, track_.subject, [&] {
            return fmt::format("{} starts at tick {}, but {} ends at {}: {}",
                               label,
                               now.decode_time,
                               last_label_,
                               before.decode_end,
                               gap_text(now.decode_time - before.decode_end, scale));
        });
    if (!follows || leading_) return;
    if (before.unsure > 0) {
        checks_.expect(now.first_shown > before.last_shown, kind::kContinuity, track_.subject, [&] {
            return fmt::format(
                "{} is shown from tick {}, when the last picture of {} is not yet shown",
                label,
                now.first_shown,
                last_label_);
        });
        before.duration = now.first_shown - before.first_shown;
        before.unsure = 0;
        return;
    }
    const auto gap = now.first_shown - before.first_shown - before.duration;
    checks_.expect(std::abs(gap) <= stream().jitter(), kind::kContinuity, track_.subject, [&] {
        return fmt::format("{} is shown from tick {}, {} until {}: {}",
                           label,
                           now.first_shown,
                           last_label_,
                           now.first_shown - gap,
                           gap_text(gap, scale));
    });
}

}  // namespace

std::unique_ptr<SegmentReader> make_cmaf_reader(Track& track, CheckBook& checks) {
    return std::make_unique<CmafReader>(track, checks);
}

std::string segment_label(const SegmentRef& ref) {
    auto label = ref.name.substr(ref.name.rfind('/') + 1);
    if (ref.range) label += fmt::format(" at byte {}", ref.range->offset);
    return label;
}

std::string segment_label(const InitRef& ref) {
    return segment_label(SegmentRef{ref.name, ref.range, 0, -1, false});
}

std::string gap_text(std::int64_t ticks, std::uint32_t timescale) {
    const auto seconds = timescale == 0 ? 0.0 : static_cast<double>(ticks) / timescale;
    return ticks > 0 ? fmt::format("a gap of {:.4f} s", seconds)
                     : fmt::format("an overlap of {:.4f} s", -seconds);
}

}  // namespace sg::engine
