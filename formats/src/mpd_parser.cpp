#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include <formats/mpd.hpp>

#include "m3u8_attributes.hpp"
#include "utf8.hpp"
#include <pugixml.hpp>

namespace sg::formats::mpd {
namespace {

constexpr std::size_t kMaxBytes = 32U << 20;

Error bad(std::string message) {
    return Error{Errc::kBadData, std::move(message)};
}

template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

class Parser {
  public:
    explicit Parser(std::string_view bytes) : bytes_(bytes) {}
    Result<Mpd> run();

  private:
    struct Inherited {
        std::optional<SegmentTemplate> segment_template;
        std::optional<SegmentBase> segment_base;
    };

    [[nodiscard]] Error at(const pugi::xml_node& node, const std::string& what) const;
    [[nodiscard]] Error at(std::ptrdiff_t offset, const std::string& what) const;

    template <class T>
    Status read(const pugi::xml_node& node, const char* name, T& into) const;
    Status read_duration(const pugi::xml_node& node,
                         const char* name,
                         std::optional<std::int64_t>& into) const;
    Status read_range(const pugi::xml_node& node,
                      const char* name,
                      std::optional<ByteRange>& into) const;
    Status read_sap(const pugi::xml_node& node, const char* name, unsigned& into) const;
    Status read_descriptors(const pugi::xml_node& node,
                            const char* name,
                            std::vector<Descriptor>& into) const;
    Status read_date(const pugi::xml_node& node,
                     const char* name,
                     std::optional<std::int64_t>& into) const;
    Status availability(const pugi::xml_node& node, SegmentTemplate& into) const;
    Status producer_reference(const pugi::xml_node& node, AdaptationSet& into) const;
    Status service(const pugi::xml_node& node, Mpd& into) const;
    Status dynamic(const pugi::xml_node& node, Mpd& into) const;
    Status segments(const pugi::xml_node& node, Inherited& into) const;
    Status timeline(const pugi::xml_node& node, SegmentTemplate& into) const;
    Status period(const pugi::xml_node& node, Period& into) const;
    Status adaptation_set(const pugi::xml_node& node, Inherited from, AdaptationSet& into) const;
    Status representation(const pugi::xml_node& node,
                          const pugi::xml_node& set,
                          Inherited from,
                          Representation& into) const;

    std::string_view bytes_;
};

std::string_view local_name(const pugi::xml_node& node) {
    const std::string_view name = node.name();
    const auto colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool is(const pugi::xml_node& node, std::string_view name) {
    return node.type() == pugi::node_element && local_name(node) == name;
}

std::string text_of(const pugi::xml_node& node, std::string_view name) {
    for (const pugi::xml_node& child : node.children()) {
        if (!is(child, name)) continue;
        std::string_view text = child.text().get();
        while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
            text.remove_prefix(1);
        while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
            text.remove_suffix(1);
        return std::string(text);
    }
    return {};
}

/// An attribute that may stand on the set for all its representations (§5.3.7).
std::string common(const pugi::xml_node& node, const pugi::xml_node& set, const char* name) {
    const pugi::xml_attribute own = node.attribute(name);
    return own ? own.value() : set.attribute(name).value();
}

Error Parser::at(std::ptrdiff_t offset, const std::string& what) const {
    const auto end = static_cast<std::size_t>(
        std::clamp<std::ptrdiff_t>(offset, 0, static_cast<std::ptrdiff_t>(bytes_.size())));
    const auto line =
        std::count(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(end), '\n') + 1;
    return bad(fmt::format("line {}: {}", line, what));
}

Error Parser::at(const pugi::xml_node& node, const std::string& what) const {
    return at(node.offset_debug(), fmt::format("{}: {}", node.name(), what));
}

template <class T>
Status Parser::read(const pugi::xml_node& node, const char* name, T& into) const {
    const pugi::xml_attribute attribute = node.attribute(name);
    if (!attribute) return {};
    const auto value = number<T>(attribute.value());
    if (!value)
        return at(node,
                  fmt::format("@{}=\"{:.40}\" is not a number that fits",
                              name,
                              std::string_view(attribute.value())));
    into = *value;
    return {};
}

Status Parser::read_duration(const pugi::xml_node& node,
                             const char* name,
                             std::optional<std::int64_t>& into) const {
    const pugi::xml_attribute attribute = node.attribute(name);
    if (!attribute) return {};
    into = parse_duration(attribute.value());
    if (!into)
        return at(
            node,
            fmt::format(
                "@{}=\"{:.40}\" is not a duration", name, std::string_view(attribute.value())));
    return {};
}

Status Parser::read_range(const pugi::xml_node& node,
                          const char* name,
                          std::optional<ByteRange>& into) const {
    const pugi::xml_attribute attribute = node.attribute(name);
    if (!attribute) return {};
    const std::string_view text = attribute.value();
    const auto dash = text.find('-');
    constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t first = number<std::uint64_t>(text.substr(0, dash)).value_or(kNone);
    const std::uint64_t last = dash == std::string_view::npos
                                   ? kNone
                                   : number<std::uint64_t>(text.substr(dash + 1)).value_or(kNone);
    if (last == kNone || last < first)
        return at(node, fmt::format("@{}=\"{:.40}\" is not FIRST-LAST", name, text));
    into = ByteRange{first, last};
    return {};
}

Status Parser::read_sap(const pugi::xml_node& node, const char* name, unsigned& into) const {
    SG_TRY(read(node, name, into));
    if (into > 6) return at(node, fmt::format("@{} is above 6", name));
    return {};
}

Status Parser::read_descriptors(const pugi::xml_node& node,
                                const char* name,
                                std::vector<Descriptor>& into) const {
    for (const pugi::xml_node& child : node.children()) {
        if (!is(child, name)) continue;
        Descriptor d{child.attribute("schemeIdUri").value(), child.attribute("value").value()};
        if (d.scheme.empty()) return at(child, "no @schemeIdUri");
        into.push_back(std::move(d));
    }
    return {};
}

Status Parser::timeline(const pugi::xml_node& node, SegmentTemplate& into) const {
    into.timeline.clear();
    for (const pugi::xml_node& child : node.children()) {
        if (!is(child, "S")) continue;
        TimelineEntry entry;
        std::int64_t t = 0;
        SG_TRY(read(child, "t", t));
        if (child.attribute("t")) entry.t = t;
        SG_TRY(read(child, "d", entry.d));
        SG_TRY(read(child, "r", entry.r));
        if (entry.d <= 0) return at(child, "@d must be above 0");
        if (entry.r < -1) return at(child, "@r must not be below -1");
        if (entry.t && *entry.t < 0) return at(child, "@t must not be negative");
        into.timeline.push_back(entry);
    }
    return {};
}

Status Parser::segments(const pugi::xml_node& node, Inherited& into) const {
    for (const pugi::xml_node& child : node.children()) {
        if (is(child, "SegmentTemplate")) {
            SegmentTemplate t = into.segment_template.value_or(SegmentTemplate{});
            SG_TRY(read(child, "timescale", t.timescale));
            SG_TRY(read(child, "presentationTimeOffset", t.presentation_time_offset));
            SG_TRY(read(child, "startNumber", t.start_number));
            SG_TRY(read(child, "duration", t.duration));
            SG_TRY(availability(child, t));
            if (t.timescale == 0) return at(child, "@timescale is 0");
            if (t.duration < 0) return at(child, "@duration is negative");
            if (const auto a = child.attribute("initialization")) t.initialization = a.value();
            if (const auto a = child.attribute("media")) t.media = a.value();
            for (const pugi::xml_node& inner : child.children())
                if (is(inner, "SegmentTimeline")) SG_TRY(timeline(inner, t));
            if (t.duration != 0 && !t.timeline.empty())
                return at(child, "both @duration and a SegmentTimeline");
            into.segment_template = std::move(t);
            into.segment_base.reset();
        } else if (is(child, "SegmentBase")) {
            SegmentBase b = into.segment_base.value_or(SegmentBase{});
            SG_TRY(read(child, "timescale", b.timescale));
            SG_TRY(read(child, "presentationTimeOffset", b.presentation_time_offset));
            SG_TRY(read_range(child, "indexRange", b.index_range));
            if (b.timescale == 0) return at(child, "@timescale is 0");
            for (const pugi::xml_node& inner : child.children())
                if (is(inner, "Initialization"))
                    SG_TRY(read_range(inner, "range", b.initialization_range));
            into.segment_base = b;
            into.segment_template.reset();
        }
    }
    return {};
}

Status Parser::representation(const pugi::xml_node& node,
                              const pugi::xml_node& set,
                              Inherited from,
                              Representation& into) const {
    into.id = node.attribute("id").value();
    if (into.id.empty()) return at(node, "no @id");
    if (!node.attribute("bandwidth")) return at(node, "no @bandwidth");
    SG_TRY(read(node, "bandwidth", into.bandwidth));
    into.mime_type = common(node, set, "mimeType");
    if (into.mime_type.empty()) return at(node, "no @mimeType, here or on its adaptation set");
    into.codecs = common(node, set, "codecs");
    SG_TRY(read(set, "width", into.width));
    SG_TRY(read(set, "height", into.height));
    SG_TRY(read(node, "width", into.width));
    SG_TRY(read(node, "height", into.height));
    into.sar = common(node, set, "sar");
    into.frame_rate = common(node, set, "frameRate");
    into.audio_sampling_rate = common(node, set, "audioSamplingRate");
    SG_TRY(read_descriptors(node, "AudioChannelConfiguration", into.audio_channels));
    if (into.audio_channels.empty())
        SG_TRY(read_descriptors(set, "AudioChannelConfiguration", into.audio_channels));
    into.base_url = text_of(node, "BaseURL");
    SG_TRY(segments(node, from));
    into.segment_template = std::move(from.segment_template);
    into.segment_base = from.segment_base;
    return {};
}

Status Parser::adaptation_set(const pugi::xml_node& node,
                              Inherited from,
                              AdaptationSet& into) const {
    if (node.attribute("id")) {
        std::uint32_t id = 0;
        SG_TRY(read(node, "id", id));
        into.id = id;
    }
    into.content_type = node.attribute("contentType").value();
    into.mime_type = node.attribute("mimeType").value();
    into.lang = node.attribute("lang").value();
    into.par = node.attribute("par").value();
    SG_TRY(read(node, "maxWidth", into.max_width));
    SG_TRY(read(node, "maxHeight", into.max_height));
    into.max_frame_rate = node.attribute("maxFrameRate").value();
    into.segment_alignment = node.attribute("segmentAlignment").as_bool();
    into.subsegment_alignment = node.attribute("subsegmentAlignment").as_bool();
    SG_TRY(read_sap(node, "startWithSAP", into.start_with_sap));
    SG_TRY(read_sap(node, "subsegmentStartsWithSAP", into.subsegment_starts_with_sap));
    SG_TRY(read_descriptors(node, "EssentialProperty", into.essential));
    SG_TRY(read_descriptors(node, "SupplementalProperty", into.supplemental));
    SG_TRY(read_descriptors(node, "Accessibility", into.accessibility));
    SG_TRY(read_descriptors(node, "Role", into.roles));
    into.label = text_of(node, "Label");
    into.base_url = text_of(node, "BaseURL");
    SG_TRY(producer_reference(node, into));
    SG_TRY(segments(node, from));
    for (const pugi::xml_node& child : node.children()) {
        if (!is(child, "Representation")) continue;
        Representation r;
        SG_TRY(representation(child, node, from, r));
        into.representations.push_back(std::move(r));
    }
    return {};
}

Status Parser::period(const pugi::xml_node& node, Period& into) const {
    into.id = node.attribute("id").value();
    SG_TRY(read_duration(node, "start", into.start_us));
    SG_TRY(read_duration(node, "duration", into.duration_us));
    into.base_url = text_of(node, "BaseURL");
    Inherited inherited;
    SG_TRY(segments(node, inherited));
    for (const pugi::xml_node& child : node.children()) {
        if (!is(child, "AdaptationSet")) continue;
        AdaptationSet set;
        SG_TRY(adaptation_set(child, inherited, set));
        into.adaptation_sets.push_back(std::move(set));
    }
    return {};
}

Status Parser::read_date(const pugi::xml_node& node,
                         const char* name,
                         std::optional<std::int64_t>& into) const {
    const pugi::xml_attribute attribute = node.attribute(name);
    if (!attribute) return {};
    into = m3u8::parse_date_time(attribute.value());
    if (!into)
        return at(node,
                  fmt::format("@{}=\"{:.40}\" is not a date and time with a zone",
                              name,
                              std::string_view(attribute.value())));
    return {};
}

Status Parser::availability(const pugi::xml_node& node, SegmentTemplate& into) const {
    if (const auto a = node.attribute("availabilityTimeOffset")) {
        const double seconds = a.as_double(-1);
        if (!(seconds >= 0 && seconds < 1e9))
            return at(node, "@availabilityTimeOffset is not a number of seconds");
        into.availability_time_offset_us = static_cast<std::int64_t>(seconds * 1e6 + 0.5);
    }
    if (const auto a = node.attribute("availabilityTimeComplete"))
        into.availability_time_complete = a.as_bool(true);
    return {};
}

Status Parser::producer_reference(const pugi::xml_node& node, AdaptationSet& into) const {
    for (const pugi::xml_node& child : node.children()) {
        if (!is(child, "ProducerReferenceTime") || into.producer_reference) continue;
        ProducerReferenceTime p;
        SG_TRY(read(child, "id", p.id));
        SG_TRY(read(child, "presentationTime", p.presentation_time));
        std::optional<std::int64_t> wall;
        SG_TRY(read_date(child, "wallClockTime", wall));
        if (!wall) return at(child, "no @wallClockTime");
        p.wall_clock_ms = *wall;
        std::vector<Descriptor> timings;
        SG_TRY(read_descriptors(child, "UTCTiming", timings));
        if (!timings.empty()) p.utc_timing = std::move(timings.front());
        into.producer_reference = std::move(p);
    }
    return {};
}

Status Parser::service(const pugi::xml_node& node, Mpd& into) const {
    const auto percent = [](const pugi::xml_node& of, const char* name) {
        const double rate = of.attribute(name).as_double(0);
        return rate > 0 && rate < 1000 ? static_cast<std::uint32_t>(rate * 100 + 0.5) : 0;
    };
    for (const pugi::xml_node& child : node.children()) {
        if (!is(child, "ServiceDescription") || into.service) continue;
        ServiceDescription s;
        for (const pugi::xml_node& inner : child.children()) {
            if (is(inner, "Latency")) {
                SG_TRY(read(inner, "target", s.target_latency_ms));
                SG_TRY(read(inner, "min", s.min_latency_ms));
                SG_TRY(read(inner, "max", s.max_latency_ms));
                SG_TRY(read(inner, "referenceId", s.reference_id));
            } else if (is(inner, "PlaybackRate")) {
                s.min_rate_percent = percent(inner, "min");
                s.max_rate_percent = percent(inner, "max");
            }
        }
        into.service = s;
    }
    return {};
}

Status Parser::dynamic(const pugi::xml_node& node, Mpd& into) const {
    SG_TRY(read_date(node, "availabilityStartTime", into.availability_start_ms));
    SG_TRY(read_date(node, "publishTime", into.publish_time_ms));
    SG_TRY(read_duration(node, "minimumUpdatePeriod", into.minimum_update_us));
    SG_TRY(read_duration(node, "timeShiftBufferDepth", into.time_shift_buffer_us));
    SG_TRY(read_duration(node, "suggestedPresentationDelay", into.suggested_delay_us));
    SG_TRY(read_descriptors(node, "UTCTiming", into.utc_timings));
    return service(node, into);
}

Result<Mpd> Parser::run() {
    pugi::xml_document document;
    const pugi::xml_parse_result parsed = document.load_buffer(
        bytes_.data(), bytes_.size(), pugi::parse_default, pugi::encoding_utf8);
    if (!parsed) return at(parsed.offset, parsed.description());
    const pugi::xml_node root = document.document_element();
    if (!is(root, "MPD")) return at(root, "the root element is not MPD");
    Mpd mpd;
    mpd.profiles = root.attribute("profiles").value();
    if (mpd.profiles.empty()) return at(root, "no @profiles");
    mpd.dynamic = std::string_view(root.attribute("type").value()) == "dynamic";
    SG_TRY(read_duration(root, "mediaPresentationDuration", mpd.presentation_duration_us));
    SG_TRY(read_duration(root, "maxSegmentDuration", mpd.max_segment_duration_us));
    std::optional<std::int64_t> min_buffer;
    SG_TRY(read_duration(root, "minBufferTime", min_buffer));
    if (!min_buffer) return at(root, "no @minBufferTime");
    mpd.min_buffer_us = *min_buffer;
    mpd.base_url = text_of(root, "BaseURL");
    for (const pugi::xml_node& child : root.children()) {
        if (!is(child, "Period")) continue;
        Period p;
        SG_TRY(period(child, p));
        mpd.periods.push_back(std::move(p));
    }
    if (mpd.periods.empty()) return at(root, "no Period");
    SG_TRY(dynamic(root, mpd));
    const bool lengths = std::all_of(mpd.periods.begin(), mpd.periods.end(), [](const Period& p) {
        return p.duration_us.has_value();
    });
    if (!mpd.dynamic && !mpd.presentation_duration_us && !lengths)
        return at(root, "static without @mediaPresentationDuration");
    return mpd;
}

}  // namespace

std::optional<std::int64_t> parse_duration(std::string_view text) {
    struct Unit {
        char letter;
        std::int64_t seconds;
        bool time;
    };
    constexpr Unit kUnits[] = {
        {'D', 86400, false}, {'H', 3600, true}, {'M', 60, true}, {'S', 1, true}};
    constexpr std::int64_t kMaxSeconds = 1'000'000'000'000;
    if (text.size() < 3 || text.front() != 'P') return std::nullopt;
    text.remove_prefix(1);
    std::int64_t micros = 0;
    bool time = false;
    bool any = false;
    std::size_t unit = 0;
    while (!text.empty()) {
        if (text.front() == 'T' && !time) {
            time = true;
            text.remove_prefix(1);
            if (text.empty()) return std::nullopt;
            continue;
        }
        const auto end = text.find_first_not_of("0123456789");
        const auto whole = number<std::int64_t>(text.substr(0, end));
        if (!whole || end == std::string_view::npos) return std::nullopt;
        text.remove_prefix(end);
        std::int64_t fraction = 0;
        bool decimal = false;
        if (text.front() == '.') {
            decimal = true;
            text.remove_prefix(1);
            std::int64_t scale = 100'000;
            std::size_t digits = 0;
            for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits) {
                fraction += scale * (text.front() - '0');
                scale /= 10;
                text.remove_prefix(1);
            }
            if (digits == 0 || text.empty()) return std::nullopt;
        }
        while (unit < std::size(kUnits) &&
               (kUnits[unit].letter != text.front() || kUnits[unit].time != time))
            ++unit;
        if (unit == std::size(kUnits) || (decimal && text.front() != 'S')) return std::nullopt;
        if (*whole > kMaxSeconds / kUnits[unit].seconds) return std::nullopt;
        micros += *whole * kUnits[unit].seconds * 1'000'000 + fraction;
        if (micros > kMaxSeconds * 1'000'000) return std::nullopt;
        ++unit;
        any = true;
        text.remove_prefix(1);
    }
    if (!any) return std::nullopt;
    return micros;
}

Result<Mpd> parse(std::string_view bytes) {
    if (bytes.size() > kMaxBytes)
        return Error{
            Errc::kLimit,
            fmt::format("MPD has {} bytes, more than {} are not read", bytes.size(), kMaxBytes)};
    if (!is_utf8(bytes)) return bad("MPD is not UTF-8 text");
    return Parser(bytes).run();
}

}  // namespace sg::formats::mpd
