#include "copy_recipe.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include <base/file.hpp>

#include "segmenter_settings.hpp"
#include "track_json.hpp"

namespace sg::engine {
namespace {

using nlohmann::json;
using packagers::CopiedTrack;
using packagers::CopiedTrackConfig;
using pipeline::Plan;
using pipeline::RenditionMode;

/// Calls `visit` with each copied rendition, in the order that all tasks name them; false as soon
/// as it is.
template <class F>
bool each_copy(const Plan& plan, F visit) {
    const auto copied = [&](const auto& r) { return r.mode != RenditionMode::kCopy || visit(r); };
    return std::all_of(plan.video.renditions.begin(), plan.video.renditions.end(), copied) &&
           std::all_of(plan.audio.begin(), plan.audio.end(), copied);
}

/// Larger than the first sample of any real stream.
constexpr std::uint32_t kMostFirstSample = 64U << 20;

/// For codecs that describe themselves there.
Result<std::vector<std::byte>> first_sample(const Plan& plan,
                                            const CopyRecipe::Track& track,
                                            const ingest::MediaInput& input) {
    const formats::ReadAt read = [&](std::uint64_t offset, std::span<std::byte> into) {
        return read_at(input.fd(), offset, into, input.facts().name);
    };
    CopyRecipe one;
    one.tracks.push_back(track);
    SG_TRY_ASSIGN(auto opened, CopiedTracks::open(plan, one, read));
    SG_TRY_ASSIGN(const auto segment, opened.tracks().front().next());
    if (!segment) return Error{Errc::kBadData, "the track has no segments"};
    const auto& at = segment->samples.front();
    if (at.size > kMostFirstSample) return Error{Errc::kLimit, "the first sample is too large"};
    std::vector<std::byte> bytes(at.size);
    SG_TRY_ASSIGN(const auto got, read(at.offset, bytes));
    if (got != bytes.size()) return Error{Errc::kBadData, "the first sample is cut off"};
    return bytes;
}

/// Where samples are taken apart, by lengths of a size that the standard has (ISO/IEC 14496-15
/// section 5.3.3.1).
bool has_lengths(const CopyRecipe::Track& track) {
    const bool nals = track.codec == formats::Codec::kH264 || track.codec == formats::Codec::kHevc;
    const auto size = track.nal_length_size;
    return !nals || size == 1 || size == 2 || size == 4;
}

template <class Rendition>
bool add_track(CopyRecipe& recipe,
               const Plan& plan,
               const Rendition& r,
               const Index& index,
               const ingest::MediaInput& input) {
    const auto stream = static_cast<int>(r.source_stream);
    const auto table = std::find_if(index.tables.begin(),
                                    index.tables.end(),
                                    [&](const StreamTable& t) { return t.stream == stream; });
    const auto* facts = input.facts().stream(stream);
    if (table == index.tables.end() || facts == nullptr) return false;
    // Without extradata AAC comes with ADTS headers.
    if (facts->codec == media::CodecId::kAac && facts->info->extradata.empty()) return false;
    CopyRecipe::Track track;
    track.table = *table;
    track.timebase = facts->timebase;
    track.description.rendition = r.name;
    std::vector<std::byte> first;
    const auto config = copied_segments(plan, r);
    auto start = packagers::start_track(config, *facts->info, first);
    if (!start) {
        auto bytes = first_sample(plan, track, input);
        if (!bytes) return false;
        start = packagers::start_track(config, *facts->info, *bytes);
    }
    if (!start || start->writer.annex_b || start->writer.codec.codec == formats::Codec::kAv1)
        return false;
    track.description = std::move(start->init.description);
    track.init = std::move(start->init.bytes);
    track.codec = start->writer.codec.codec;
    track.nal_length_size = start->writer.codec.nal_length_size;
    track.decode_lead = start->writer.layout.decode_lead;
    if (!has_lengths(track)) return false;
    recipe.tracks.push_back(std::move(track));
    return true;
}

CopiedTrackConfig track_config(const Plan& plan,
                               const CopyRecipe::Track& track,
                               packagers::SegmenterConfig segmenter) {
    CopiedTrackConfig config;
    config.video = segmenter.track.type == packagers::TrackType::kVideo;
    config.span = track.table.span;
    config.timebase = track.timebase;
    config.timeline = plan.source.timeline;
    config.layout.offset = segmenter.offset;
    config.layout.decode_lead = track.decode_lead;
    config.borders = std::move(segmenter.borders);
    config.sample_duration = segmenter.sample_duration;
    config.hold_last_sample = segmenter.hold_last_sample;
    config.timescale = segmenter.timescale;
    return config;
}

}  // namespace

std::optional<CopyRecipe> make_copy_recipe(const Plan& plan,
                                           const Index& index,
                                           ingest::MediaInput& input) {
    if (index.tables.empty() || plan.source.timeline.epochs().size() != 1) return std::nullopt;
    CopyRecipe recipe;
    const bool all =
        each_copy(plan, [&](const auto& r) { return add_track(recipe, plan, r, index, input); });
    if (!all || recipe.tracks.empty()) return std::nullopt;
    return recipe;
}

std::string CopyRecipe::to_json() const {
    json list = json::array();
    for (const auto& t : tracks) {
        std::vector<std::uint8_t> init;
        for (const auto b : t.init) init.push_back(std::to_integer<std::uint8_t>(b));
        const auto& span = t.table.span;
        list.push_back({{"part", engine::to_json(TrackPart{t.description, {}})},
                        {"init", init},
                        {"codec", static_cast<int>(t.codec)},
                        {"nal_length_size", t.nal_length_size},
                        {"decode_lead", t.decode_lead},
                        {"track", t.table.track_id},
                        {"span", {span.first, span.end, span.pts_offset, span.discarded}},
                        {"timebase", {t.timebase.num, t.timebase.den}}});
    }
    return json{{"tracks", std::move(list)}}.dump();
}

Result<CopyRecipe> CopyRecipe::from_json(std::string_view text) {
    try {
        CopyRecipe recipe;
        const auto document = json::parse(text);
        for (const auto& j : document.at("tracks")) {
            Track t;
            SG_TRY_ASSIGN(auto part, track_part_from_json(j.at("part")));
            t.description = std::move(part.description);
            for (const auto b : j.at("init").get<std::vector<std::uint8_t>>())
                t.init.push_back(std::byte{b});
            t.codec = static_cast<formats::Codec>(j.at("codec").get<int>());
            j.at("nal_length_size").get_to(t.nal_length_size);
            j.at("decode_lead").get_to(t.decode_lead);
            j.at("track").get_to(t.table.track_id);
            const auto& span = j.at("span");
            span.at(0).get_to(t.table.span.first);
            span.at(1).get_to(t.table.span.end);
            span.at(2).get_to(t.table.span.pts_offset);
            span.at(3).get_to(t.table.span.discarded);
            j.at("timebase").at(0).get_to(t.timebase.num);
            j.at("timebase").at(1).get_to(t.timebase.den);
            if (!has_lengths(t))
                return Error{Errc::kBadData, "read a copy recipe: NAL units have no lengths"};
            if (t.timebase.num <= 0 || t.timebase.den <= 0)
                return Error{Errc::kBadData, "read a copy recipe: a timebase is not positive"};
            recipe.tracks.push_back(std::move(t));
        }
        return recipe;
    } catch (const json::exception& e) {
        return Error{Errc::kBadData, std::string("read a copy recipe: ") + e.what()};
    }
}

Result<CopiedTracks> CopiedTracks::open(const Plan& plan,
                                        const CopyRecipe& recipe,
                                        const formats::ReadAt& read) {
    SG_TRY_ASSIGN(auto movie, formats::MovieFile::open(read, {}));
    CopiedTracks opened(std::move(movie));
    const auto& known = opened.movie_.info().tracks;
    for (const auto& track : recipe.tracks) {
        const auto at = std::find_if(known.begin(), known.end(), [&](const auto& t) {
            return t.id == track.table.track_id;
        });
        if (at == known.end())
            return Error{Errc::kMismatch,
                         "the source has no track of its planned id; has the file changed since it "
                         "was planned?"};
        SG_TRY_ASSIGN(auto table,
                      opened.movie_.samples(static_cast<std::size_t>(at - known.begin())));
        opened.tables_.push_back(std::make_unique<formats::SampleTable>(std::move(table)));
        const bool found = !each_copy(plan, [&](const auto& r) {
            if (r.name != track.description.rendition) return true;
            opened.tracks_.emplace_back(track_config(plan, track, copied_segments(plan, r)),
                                        packagers::CopyTimes(r),
                                        *opened.tables_.back());
            return false;
        });
        if (!found)
            return Error{Errc::kMismatch,
                         "the plan does not copy rendition " + track.description.rendition};
    }
    return opened;
}

}  // namespace sg::engine
