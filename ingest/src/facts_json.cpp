#include <nlohmann/json.hpp>

#include <ingest/facts.hpp>

namespace sg::ingest {
namespace {

using media::kNoTime;
using nlohmann::json;

json rational(media::Rational r) {
    return r.positive() ? json(media::to_string(r)) : json(nullptr);
}
json time_ns(std::int64_t ns) {
    return ns == kNoTime ? json(nullptr) : json(ns);
}
json known(std::int64_t v) {
    return v > 0 ? json(v) : json(nullptr);
}

json to_object(const Disposition& d) {
    return {{"default", d.is_default},
            {"original", d.original},
            {"dub", d.dub},
            {"comment", d.comment},
            {"forced", d.forced},
            {"hearing_impaired", d.hearing_impaired},
            {"visual_impaired", d.visual_impaired},
            {"attached_picture", d.attached_picture},
            {"still_image", d.still_image}};
}

json to_object(const VideoFacts& v) {
    json hdr = nullptr;
    if (v.colour.hdr() || v.has_mastering_display || v.has_dolby_vision) {
        hdr = json::object();
        hdr["transfer"] = v.colour.pq() ? "pq" : v.colour.hlg() ? "hlg" : "sdr";
        if (v.has_mastering_display) {
            const auto& m = v.mastering_display;
            hdr["mastering_display"] = {{"primaries_gbr_x", m.primaries_x},
                                        {"primaries_gbr_y", m.primaries_y},
                                        {"white", {m.white_x, m.white_y}},
                                        {"max_luminance_0_0001_cd_m2", m.max_luminance},
                                        {"min_luminance_0_0001_cd_m2", m.min_luminance}};
        }
        if (v.has_content_light)
            hdr["content_light"] = {{"max_cll", v.content_light.max_cll},
                                    {"max_fall", v.content_light.max_fall}};
        if (v.has_dolby_vision)
            hdr["dolby_vision"] = {{"profile", v.dolby_vision.profile},
                                   {"level", v.dolby_vision.level},
                                   {"base_layer", v.dolby_vision.base_layer},
                                   {"enhancement_layer", v.dolby_vision.enhancement_layer},
                                   {"compatibility_id", v.dolby_vision.compatibility_id}};
    }
    return {{"width", v.width},
            {"height", v.height},
            {"coded_width", v.coded_width},
            {"coded_height", v.coded_height},
            {"sar", media::to_string(v.sar)},
            {"container_sar", rational(v.container_sar)},
            {"codec_sar", rational(v.codec_sar)},
            {"pixel_format", v.pixel_format},
            {"bit_depth", known(v.bit_depth)},
            {"chroma", v.chroma},
            {"alpha", v.has_alpha},
            {"colour",
             {{"primaries", v.colour.primaries},
              {"transfer", v.colour.transfer},
              {"matrix", v.colour.matrix},
              {"range",
               !v.colour_range_known ? "unknown"
               : v.colour.full_range ? "full"
                                     : "limited"}}},
            {"hdr", hdr},
            {"frame_rate", rational(v.true_rate)},
            {"variable_frame_rate", v.variable_rate},
            {"declared_frame_rate", rational(v.declared_rate)},
            {"average_frame_rate", rational(v.average_rate)},
            {"field_order", v.field_order},
            {"interlaced", v.interlaced},
            {"rotation", v.rotation},
            {"flip", v.flip},
            {"closed_captions", v.closed_captions},
            {"b_frames", v.has_b_frames},
            {"key_frames",
             {{"seen", v.key_frames_seen},
              {"packets_seen", v.packets_seen},
              {"largest_spacing_ns", known(v.keyframe_spacing_ns)}}}};
}

json to_object(const AudioFacts& a) {
    return {{"sample_rate", a.sample_rate},
            {"channels", a.channels},
            {"layout", a.layout},
            {"sample_format", a.sample_format},
            {"bits", known(a.bits)},
            {"frame_samples", known(a.frame_samples)},
            {"initial_padding", a.initial_padding}};
}

json to_object(const StreamFacts& s) {
    json o = {{"index", s.index},
              {"id", s.id},
              {"program", known(s.program)},
              {"type", media::media_type_name(s.type)},
              {"codec", s.codec_detail},
              {"profile", s.profile},
              {"level", known(s.level)},
              {"tag", s.tag},
              {"timebase", media::to_string(s.timebase)},
              {"start", time_ns(s.start)},
              {"start_ns", time_ns(s.start_ns())},
              {"duration", time_ns(s.duration)},
              {"bit_rate", known(s.bit_rate)},
              {"frames", known(s.frames)},
              {"disposition", to_object(s.disposition)},
              {"language", s.language},
              {"language_tag", s.language_tag},
              {"title", s.title},
              {"decodable", s.decodable},
              {"encrypted", s.encrypted}};
    if (s.edits.present)
        o["edit_list"] = {{"entries", s.edits.entries},
                          {"empty_ns", s.edits.empty_ns},
                          {"skip_ns", s.edits.skip_ns}};
    if (s.type == media::MediaType::kVideo) o["video"] = to_object(s.video);
    if (s.type == media::MediaType::kAudio) o["audio"] = to_object(s.audio);
    return o;
}

}  // namespace

std::string to_json(const SourceFacts& facts) {
    json o = {{"name", facts.name},
              {"demuxer", facts.demuxer},
              {"container", facts.container},
              {"bytes", facts.bytes},
              {"duration_ns", time_ns(facts.duration_ns)},
              {"start_ns", time_ns(facts.start_ns)},
              {"bit_rate", known(facts.bit_rate)},
              {"title", facts.title},
              {"language", facts.language},
              {"chapters", json::array()},
              {"streams", json::array()},
              {"warnings", json::array()}};
    for (const auto& c : facts.chapters)
        o["chapters"].push_back(
            {{"title", c.title}, {"start_ns", c.start_ns}, {"end_ns", c.end_ns}});
    for (const auto& s : facts.streams) o["streams"].push_back(to_object(s));
    for (const auto& w : facts.warnings)
        o["warnings"].push_back({{"code", w.code}, {"text", w.text}});
    if (!facts.identity.digest.empty())
        o["identity"] = {{"kind", facts.identity.kind},
                         {"digest", facts.identity.digest},
                         {"bytes", facts.identity.bytes}};
    // Titles and languages come from the file and may be any bytes.
    return o.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace sg::ingest
