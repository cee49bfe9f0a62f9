#include "track_json.hpp"

#include <nlohmann/json.hpp>

namespace sg::engine {
namespace {

using nlohmann::json;
using packagers::FragmentIndex;
using packagers::SegmentIndex;
using packagers::TrackDescription;
using packagers::TrackType;
using packagers::VideoRange;

const char* range_name(VideoRange range) {
    switch (range) {
        case VideoRange::kSdr:
            return "sdr";
        case VideoRange::kPq:
            return "pq";
        case VideoRange::kHlg:
            return "hlg";
    }
    return "sdr";
}

VideoRange range_from(const std::string& name) {
    if (name == "pq") return VideoRange::kPq;
    if (name == "hlg") return VideoRange::kHlg;
    return VideoRange::kSdr;
}

json description_json(const TrackDescription& d) {
    json j = {{"type", d.type == TrackType::kVideo ? "video" : "audio"},
              {"rendition", d.rendition},
              {"codecs", d.codecs},
              {"timescale", d.timescale},
              {"offset", d.offset},
              {"init_file", d.init_file},
              {"init_bytes", d.init_bytes}};
    if (d.type == TrackType::kVideo) {
        j["width"] = d.width;
        j["height"] = d.height;
        j["sar"] = {d.sar_num, d.sar_den};
        j["frame_rate"] = {d.frame_rate_num, d.frame_rate_den};
        j["range"] = range_name(d.range);
        j["colour"] = {d.colour_primaries, d.transfer, d.matrix};
        j["full_range"] = d.full_range;
    } else {
        j["sample_rate"] = d.sample_rate;
        j["channels"] = d.channels;
        j["language"] = d.language;
        j["label"] = d.label;
        j["default"] = d.is_default;
        j["describes_video"] = d.describes_video;
        j["source_track"] = d.source_track;
    }
    return j;
}

TrackDescription description_from(const json& j) {
    TrackDescription d;
    d.type = j.at("type").get<std::string>() == "video" ? TrackType::kVideo : TrackType::kAudio;
    j.at("rendition").get_to(d.rendition);
    j.at("codecs").get_to(d.codecs);
    j.at("timescale").get_to(d.timescale);
    j.at("offset").get_to(d.offset);
    j.at("init_file").get_to(d.init_file);
    j.at("init_bytes").get_to(d.init_bytes);
    if (d.type == TrackType::kVideo) {
        j.at("width").get_to(d.width);
        j.at("height").get_to(d.height);
        j.at("sar").at(0).get_to(d.sar_num);
        j.at("sar").at(1).get_to(d.sar_den);
        j.at("frame_rate").at(0).get_to(d.frame_rate_num);
        j.at("frame_rate").at(1).get_to(d.frame_rate_den);
        d.range = range_from(j.at("range").get<std::string>());
        j.at("colour").at(0).get_to(d.colour_primaries);
        j.at("colour").at(1).get_to(d.transfer);
        j.at("colour").at(2).get_to(d.matrix);
        j.at("full_range").get_to(d.full_range);
    } else {
        j.at("sample_rate").get_to(d.sample_rate);
        j.at("channels").get_to(d.channels);
        j.at("language").get_to(d.language);
        j.at("label").get_to(d.label);
        j.at("default").get_to(d.is_default);
        j.at("describes_video").get_to(d.describes_video);
        j.at("source_track").get_to(d.source_track);
    }
    return d;
}

SegmentIndex segment_from(const json& j) {
    SegmentIndex s;
    j.at("number").get_to(s.number);
    j.at("start").get_to(s.start);
    j.at("duration").get_to(s.duration);
    j.at("samples").get_to(s.samples);
    j.at("bytes").get_to(s.bytes);
    j.at("sha256").get_to(s.sha256);
    j.at("independent").get_to(s.independent);
    for (const auto& f : j.at("fragments")) {
        FragmentIndex fragment;
        f.at(0).get_to(fragment.offset);
        f.at(1).get_to(fragment.bytes);
        f.at(2).get_to(fragment.key_bytes);
        f.at(3).get_to(fragment.start);
        f.at(4).get_to(fragment.duration);
        s.fragments.push_back(fragment);
    }
    return s;
}

}  // namespace

json to_json(const SegmentIndex& s) {
    json fragments = json::array();
    for (const auto& f : s.fragments) {
        fragments.push_back({f.offset, f.bytes, f.key_bytes, f.start, f.duration});
    }
    return {{"number", s.number},
            {"start", s.start},
            {"duration", s.duration},
            {"samples", s.samples},
            {"bytes", s.bytes},
            {"sha256", s.sha256},
            {"independent", s.independent},
            {"fragments", std::move(fragments)}};
}

json to_json(const TrackPart& part) {
    json segments = json::array();
    for (const auto& s : part.segments) segments.push_back(to_json(s));
    return {{"description", description_json(part.description)}, {"segments", std::move(segments)}};
}

std::string tracks_text(const json& rest, std::span<const TrackPart* const> tracks) {
    std::string text = rest.dump();
    text.pop_back();
    if (!rest.empty()) text += ',';
    text += R"("tracks":[)";
    for (std::size_t i = 0; i < tracks.size(); ++i) {
        if (i > 0) text += ',';
        text += R"({"description":)" + description_json(tracks[i]->description).dump();
        text += R"(,"segments":[)";
        bool first = true;
        for (const auto& s : tracks[i]->segments) {
            if (!first) text += ',';
            first = false;
            text += to_json(s).dump();
        }
        text += "]}";
    }
    text += "]}";
    return text;
}

Result<TracksDocument> tracks_from_text(std::string_view text) {
    // Depths of the document's parts: {tracks: [{segments: [{}]}]}.
    constexpr int kKeys = 1;
    constexpr int kTrack = 2;
    constexpr int kTrackKeys = 3;
    constexpr int kSegment = 4;
    TracksDocument document;
    std::vector<SegmentIndex> segments;
    bool in_tracks = false;
    bool in_segments = false;
    const auto take = [&](int depth, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::key) {
            if (depth == kKeys) in_tracks = parsed == "tracks";
            if (depth == kTrackKeys) in_segments = parsed == "segments";
        }
        if (event != json::parse_event_t::object_end || !in_tracks) return true;
        if (depth == kSegment && in_segments) {
            segments.push_back(segment_from(parsed));
            return false;
        }
        if (depth != kTrack) return true;
        document.tracks.push_back(
            {description_from(parsed.at("description")), std::move(segments)});
        segments.clear();
        return false;
    };
    try {
        document.rest = json::parse(text, take);
        if (!document.rest.is_object() || !document.rest.contains("tracks"))
            return Error{Errc::kBadData, "a task's result names no tracks"};
        document.rest.erase("tracks");
        return document;
    } catch (const json::exception& e) {
        return Error{Errc::kBadData, std::string("read a task's result: ") + e.what()};
    }
}

Result<SegmentIndex> segment_from_json(const json& j) {
    try {
        return segment_from(j);
    } catch (const json::exception& e) {
        return Error{Errc::kBadData, std::string("read a segment's record: ") + e.what()};
    }
}

Result<TrackPart> track_part_from_json(const json& j) {
    try {
        TrackPart part;
        part.description = description_from(j.at("description"));
        for (const auto& s : j.at("segments")) part.segments.push_back(segment_from(s));
        return part;
    } catch (const json::exception& e) {
        return Error{Errc::kBadData, std::string("read a rendition's record: ") + e.what()};
    }
}

}  // namespace sg::engine
