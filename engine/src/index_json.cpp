#include <algorithm>
#include <array>
#include <limits>

#include <nlohmann/json.hpp>

#include <engine/index.hpp>

namespace sg::engine {
namespace {

using media::kNoTime;
using nlohmann::json;

constexpr int kDeepest = 8;
constexpr std::size_t kMaxListed = 10'000;
constexpr std::size_t kMaxKeyFrames = 20'000'000;

json time_or_null(std::int64_t v) {
    return v == kNoTime ? json(nullptr) : json(v);
}

json gaps_json(const std::vector<Gap>& gaps) {
    json out = json::array();
    for (const auto& g : gaps) out.push_back({{"at_ns", g.at_ns}, {"length_ns", g.length_ns}});
    return out;
}

json video_json(const VideoIndex& v) {
    json keys = json::array();
    // [pts, dts, position, presentation_ns, closed | idr << 1]: there may be many.
    for (const auto& k : v.key_frames)
        keys.push_back({time_or_null(k.pts),
                        time_or_null(k.dts),
                        k.position,
                        k.presentation_ns,
                        (k.closed ? 1 : 0) | (k.idr ? 2 : 0)});
    json deltas = json::array();
    for (const auto& d : v.deltas) deltas.push_back({{"delta_ns", d.delta_ns}, {"count", d.count}});
    return {{"stream", v.stream},
            {"frames", v.frames},
            {"key_frames", std::move(keys)},
            {"key_frames_thinned", v.key_frames_thinned},
            {"constant_rate", v.constant_rate},
            {"frame_rate", {v.frame_rate.num, v.frame_rate.den}},
            {"grid_rate", {v.grid_rate.num, v.grid_rate.den}},
            {"min_delta_ns", v.min_delta_ns},
            {"max_delta_ns", v.max_delta_ns},
            {"deltas", std::move(deltas)},
            {"first_ns", time_or_null(v.first_ns)},
            {"last_ns", time_or_null(v.last_ns)},
            {"end_ns", time_or_null(v.end_ns)},
            {"reorder_ns", v.reorder_ns},
            {"reorders", v.reorders},
            {"leading_pictures", v.has_leading_pictures},
            {"field_pairs", v.field_pairs},
            {"lost_before_key_frame", v.lost_before_key_frame},
            {"discarded", v.discarded},
            {"untimed", v.untimed},
            {"duplicates", v.duplicates},
            {"gaps", gaps_json(v.gaps)},
            {"gap_count", v.gap_count},
            {"bytes", v.bytes},
            {"largest_second_bytes", v.largest_second_bytes}};
}

json audio_json(const AudioIndex& a) {
    return {{"stream", a.stream},
            {"packets", a.packets},
            {"samples", a.samples},
            {"first_ns", time_or_null(a.first_ns)},
            {"last_ns", time_or_null(a.last_ns)},
            {"end_ns", time_or_null(a.end_ns)},
            {"drift_ns", a.drift_ns},
            {"discarded", a.discarded},
            {"untimed", a.untimed},
            {"gaps", gaps_json(a.gaps)},
            {"gap_count", a.gap_count},
            {"gap_total_ns", a.gap_total_ns},
            {"bytes", a.bytes}};
}

/// Reads fields of one object and remembers whether any was missing or of the wrong kind.
class Reader {
  public:
    Reader(const json& object, bool& ok) : object_(object), ok_(ok) {
        if (!object.is_object()) ok_ = false;
    }

    void get(const char* key, std::int64_t& out) { out = number(find(key)); }
    void get(const char* key, int& out) {
        const std::int64_t v = number(find(key));
        if (v < std::numeric_limits<int>::min() || v > std::numeric_limits<int>::max())
            ok_ = false;
        else
            out = static_cast<int>(v);
    }
    void get_time(const char* key, std::int64_t& out) {
        const json* v = find(key);
        out = v != nullptr && v->is_null() ? kNoTime : number(v);
    }
    void get(const char* key, bool& out) {
        const json* v = find(key);
        if (v == nullptr || !v->is_boolean())
            ok_ = false;
        else
            out = v->get<bool>();
    }
    void get(const char* key, std::string& out) {
        const json* v = find(key);
        if (v == nullptr || !v->is_string() || v->get_ref<const std::string&>().size() > 4096)
            ok_ = false;
        else
            out = v->get<std::string>();
    }
    void get(const char* key, media::Rational& out) {
        const json* v = find(key);
        if (v == nullptr || !v->is_array() || v->size() != 2) {
            ok_ = false;
            return;
        }
        out = {number(&(*v)[0]), number(&(*v)[1])};
        if (out.den <= 0) ok_ = false;
    }
    template <class F>
    void each(const char* key, std::size_t most, F read) {
        const json* v = find(key);
        if (v == nullptr || !v->is_array() || v->size() > most) {
            ok_ = false;
            return;
        }
        for (const auto& one : *v) {
            if (!ok_) return;
            read(one);
        }
    }
    [[nodiscard]] std::int64_t number(const json* v) {
        if (v == nullptr || !v->is_number_integer()) {
            ok_ = false;
            return 0;
        }
        if (v->is_number_unsigned() &&
            v->get<std::uint64_t>() >
                static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            ok_ = false;
            return 0;
        }
        return v->get<std::int64_t>();
    }

  private:
    [[nodiscard]] const json* find(const char* key) {
        if (!object_.is_object()) return nullptr;
        const auto it = object_.find(key);
        return it != object_.end() ? &*it : nullptr;
    }

    const json& object_;
    bool& ok_;
};

void read_gaps(Reader& r, std::vector<Gap>& out, bool& ok) {
    r.each("gaps", kMaxListed, [&](const json& one) {
        Reader g(one, ok);
        Gap gap;
        g.get("at_ns", gap.at_ns);
        g.get("length_ns", gap.length_ns);
        out.push_back(gap);
    });
}

KeyFrame read_key(Reader& r, const json& one, bool& ok) {
    KeyFrame k;
    if (!one.is_array() || one.size() != 5) {
        ok = false;
        return k;
    }
    k.pts = one[0].is_null() ? kNoTime : r.number(&one[0]);
    k.dts = one[1].is_null() ? kNoTime : r.number(&one[1]);
    k.position = r.number(&one[2]);
    k.presentation_ns = r.number(&one[3]);
    const auto flags = r.number(&one[4]);
    k.closed = (flags & 1) != 0;
    k.idr = (flags & 2) != 0;
    return k;
}

VideoIndex read_video(const json& object, bool& ok) {
    VideoIndex v;
    Reader r(object, ok);
    r.get("stream", v.stream);
    r.get("frames", v.frames);
    r.each("key_frames", kMaxKeyFrames, [&](const json& one) {
        v.key_frames.push_back(read_key(r, one, ok));
    });
    r.get("key_frames_thinned", v.key_frames_thinned);
    r.get("constant_rate", v.constant_rate);
    r.get("frame_rate", v.frame_rate);
    r.get("grid_rate", v.grid_rate);
    r.get("min_delta_ns", v.min_delta_ns);
    r.get("max_delta_ns", v.max_delta_ns);
    r.each("deltas", 64, [&](const json& one) {
        Reader d(one, ok);
        DeltaCount c;
        d.get("delta_ns", c.delta_ns);
        d.get("count", c.count);
        v.deltas.push_back(c);
    });
    r.get_time("first_ns", v.first_ns);
    r.get_time("last_ns", v.last_ns);
    r.get_time("end_ns", v.end_ns);
    r.get("reorder_ns", v.reorder_ns);
    r.get("reorders", v.reorders);
    r.get("leading_pictures", v.has_leading_pictures);
    r.get("field_pairs", v.field_pairs);
    r.get("lost_before_key_frame", v.lost_before_key_frame);
    r.get("discarded", v.discarded);
    r.get("untimed", v.untimed);
    r.get("duplicates", v.duplicates);
    read_gaps(r, v.gaps, ok);
    r.get("gap_count", v.gap_count);
    r.get("bytes", v.bytes);
    r.get("largest_second_bytes", v.largest_second_bytes);
    return v;
}

AudioIndex read_audio(const json& object, bool& ok) {
    AudioIndex a;
    Reader r(object, ok);
    r.get("stream", a.stream);
    r.get("packets", a.packets);
    r.get("samples", a.samples);
    r.get_time("first_ns", a.first_ns);
    r.get_time("last_ns", a.last_ns);
    r.get_time("end_ns", a.end_ns);
    r.get("drift_ns", a.drift_ns);
    r.get("discarded", a.discarded);
    r.get("untimed", a.untimed);
    read_gaps(r, a.gaps, ok);
    r.get("gap_count", a.gap_count);
    r.get("gap_total_ns", a.gap_total_ns);
    r.get("bytes", a.bytes);
    return a;
}

json table_json(const StreamTable& t) {
    return {{"stream", t.stream},
            {"track", t.track_id},
            {"first", t.span.first},
            {"end", t.span.end},
            {"pts_offset", t.span.pts_offset},
            {"discarded", t.span.discarded},
            {"dts_offset", t.dts_offset},
            {"last_duration", t.last_duration},
            {"skip_samples", t.skip_samples}};
}

StreamTable read_table(const json& object, bool& ok) {
    StreamTable t;
    Reader r(object, ok);
    const auto get = [&](const char* key, std::uint32_t& out) {
        std::int64_t value = 0;
        r.get(key, value);
        if (value < 0 || value > std::numeric_limits<std::uint32_t>::max())
            ok = false;
        else
            out = static_cast<std::uint32_t>(value);
    };
    r.get("stream", t.stream);
    get("track", t.track_id);
    get("first", t.span.first);
    get("end", t.span.end);
    r.get("pts_offset", t.span.pts_offset);
    get("discarded", t.span.discarded);
    r.get("dts_offset", t.dts_offset);
    r.get("last_duration", t.last_duration);
    r.get("skip_samples", t.skip_samples);
    return t;
}

}  // namespace

std::string to_json(const Index& index) {
    json o;
    o["index_version"] = kIndexVersion;
    o["identity"] = {{"kind", index.identity.kind},
                     {"digest", index.identity.digest},
                     {"bytes", index.identity.bytes}};
    o["demuxer"] = index.demuxer;
    o["seek"] = pipeline::seek_method_name(index.seek);
    o["timeline"] = json::array();
    for (const auto& e : index.timeline.epochs())
        o["timeline"].push_back({{"from_position", e.from_position}, {"shift_ns", e.shift_ns}});
    o["video"] = json::array();
    for (const auto& v : index.video) o["video"].push_back(video_json(v));
    o["audio"] = json::array();
    for (const auto& a : index.audio) o["audio"].push_back(audio_json(a));
    o["jumps"] = json::array();
    for (const auto& j : index.jumps)
        o["jumps"].push_back({{"kind", j.kind},
                              {"position", j.position},
                              {"at_ns", j.at_ns},
                              {"from_ns", j.from_ns},
                              {"to_ns", j.to_ns}});
    o["tables"] = json::array();
    for (const auto& t : index.tables) o["tables"].push_back(table_json(t));
    o["repairs"] = json::array();
    for (const auto& r : index.repairs)
        o["repairs"].push_back({{"code", r.code}, {"count", r.count}, {"text", r.text}});
    o["damaged_packets"] = index.damaged_packets;
    o["skipped_errors"] = index.skipped_errors;
    o["truncated"] = index.truncated;
    return o.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Index> index_from_json(const std::string& text) {
    const Error damaged{Errc::kBadData,
                        "read an index: it is damaged; delete it and it is made again"};
    bool too_deep = false;
    const auto bounded = [&](int depth, json::parse_event_t, json&) {
        if (depth > kDeepest) too_deep = true;
        return depth <= kDeepest;
    };
    const json o = json::parse(text, bounded, false);
    if (too_deep || !o.is_object()) return damaged;
    bool ok = true;
    Reader r(o, ok);
    int version = 0;
    r.get("index_version", version);
    if (!ok) return damaged;
    if (version != kIndexVersion)
        return Error{Errc::kNotFound,
                     "read an index: it has version " + std::to_string(version) +
                         ", this program makes " + std::to_string(kIndexVersion)};
    Index index;
    const auto identity = o.find("identity");
    if (identity == o.end()) return damaged;
    Reader id(*identity, ok);
    id.get("kind", index.identity.kind);
    id.get("digest", index.identity.digest);
    id.get("bytes", index.identity.bytes);
    r.get("demuxer", index.demuxer);
    std::string seek;
    r.get("seek", seek);
    bool known = false;
    for (const auto method : {pipeline::SeekMethod::kTime,
                              pipeline::SeekMethod::kPosition,
                              pipeline::SeekMethod::kScan}) {
        if (seek == pipeline::seek_method_name(method)) {
            index.seek = method;
            known = true;
        }
    }
    std::vector<pipeline::TimelineEpoch> epochs;
    r.each("timeline", kMaxListed, [&](const json& one) {
        Reader e(one, ok);
        pipeline::TimelineEpoch epoch;
        e.get("from_position", epoch.from_position);
        e.get("shift_ns", epoch.shift_ns);
        if (!epochs.empty() && epoch.from_position <= epochs.back().from_position) ok = false;
        epochs.push_back(epoch);
    });
    r.each("video", 1000, [&](const json& one) { index.video.push_back(read_video(one, ok)); });
    r.each("audio", 1000, [&](const json& one) { index.audio.push_back(read_audio(one, ok)); });
    r.each("jumps", kMaxListed, [&](const json& one) {
        Reader j(one, ok);
        Jump jump;
        j.get("kind", jump.kind);
        j.get("position", jump.position);
        j.get("at_ns", jump.at_ns);
        j.get("from_ns", jump.from_ns);
        j.get("to_ns", jump.to_ns);
        index.jumps.push_back(jump);
    });
    r.each("tables", 1000, [&](const json& one) { index.tables.push_back(read_table(one, ok)); });
    r.each("repairs", kMaxListed, [&](const json& one) {
        Reader p(one, ok);
        Repair repair;
        p.get("code", repair.code);
        p.get("count", repair.count);
        p.get("text", repair.text);
        index.repairs.push_back(repair);
    });
    r.get("damaged_packets", index.damaged_packets);
    r.get("skipped_errors", index.skipped_errors);
    r.get("truncated", index.truncated);
    if (!ok || !known || epochs.empty()) return damaged;
    index.timeline = pipeline::TimelineMap(std::move(epochs));
    return index;
}

}  // namespace sg::engine
