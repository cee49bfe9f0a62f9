#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include <base/clock.hpp>
#include <formats/mpd.hpp>

namespace sg::formats::mpd {
namespace {

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                // Other control characters cannot stand in XML 1.0 at all.
                out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return out;
}

/// Elements one a line, indented by depth.
class XmlWriter {
  public:
    void open(std::string_view name) {
        end_start_tag();
        indent();
        out_ += '<';
        out_ += name;
        names_.emplace_back(name);
        in_start_tag_ = true;
    }
    void attribute(std::string_view name, std::string_view value) {
        fmt::format_to(std::back_inserter(out_), " {}=\"{}\"", name, escaped(value));
    }
    void attribute(std::string_view name, std::int64_t value) {
        fmt::format_to(std::back_inserter(out_), " {}=\"{}\"", name, value);
    }
    void attribute(std::string_view name, std::uint64_t value) {
        fmt::format_to(std::back_inserter(out_), " {}=\"{}\"", name, value);
    }
    void optional(std::string_view name, std::string_view value) {
        if (!value.empty()) attribute(name, value);
    }
    void optional(std::string_view name, std::uint32_t value) {
        if (value != 0) attribute(name, std::int64_t{value});
    }
    void close() {
        const std::string name = std::move(names_.back());
        names_.pop_back();
        if (in_start_tag_) {
            out_ += "/>\n";
            in_start_tag_ = false;
            return;
        }
        indent();
        fmt::format_to(std::back_inserter(out_), "</{}>\n", name);
    }
    void text_element(std::string_view name, std::string_view text) {
        if (text.empty()) return;
        end_start_tag();
        indent();
        fmt::format_to(std::back_inserter(out_), "<{0}>{1}</{0}>\n", name, escaped(text));
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    void end_start_tag() {
        if (in_start_tag_) out_ += ">\n";
        in_start_tag_ = false;
    }
    void indent() { out_.append(2 * names_.size(), ' '); }

    std::string out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    std::vector<std::string> names_;
    bool in_start_tag_ = false;
};

void descriptors(XmlWriter& xml, std::string_view name, const std::vector<Descriptor>& list) {
    for (const Descriptor& d : list) {
        xml.open(name);
        xml.attribute("schemeIdUri", d.scheme);
        xml.optional("value", d.value);
        xml.close();
    }
}

std::string range_text(const ByteRange& range) {
    return fmt::format("{}-{}", range.first, range.last);
}

std::string date_time(std::int64_t ms) {
    return rfc3339(std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(ms)));
}

void segment_template(XmlWriter& xml, const SegmentTemplate& t) {
    xml.open("SegmentTemplate");
    xml.attribute("timescale", std::int64_t{t.timescale});
    if (t.presentation_time_offset != 0)
        xml.attribute("presentationTimeOffset", t.presentation_time_offset);
    if (t.duration != 0) xml.attribute("duration", t.duration);
    if (t.availability_time_offset_us != 0)
        xml.attribute("availabilityTimeOffset",
                      fmt::format("{}.{:06}",
                                  t.availability_time_offset_us / 1'000'000,
                                  t.availability_time_offset_us % 1'000'000));
    if (!t.availability_time_complete) xml.attribute("availabilityTimeComplete", "false");
    xml.attribute("startNumber", t.start_number);
    xml.optional("initialization", t.initialization);
    xml.optional("media", t.media);
    if (!t.timeline.empty()) {
        xml.open("SegmentTimeline");
        for (const TimelineEntry& s : t.timeline) {
            xml.open("S");
            if (s.t) xml.attribute("t", *s.t);
            xml.attribute("d", s.d);
            if (s.r != 0) xml.attribute("r", s.r);
            xml.close();
        }
        xml.close();
    }
    xml.close();
}

void segment_base(XmlWriter& xml, const SegmentBase& b) {
    xml.open("SegmentBase");
    xml.attribute("timescale", std::int64_t{b.timescale});
    if (b.presentation_time_offset != 0)
        xml.attribute("presentationTimeOffset", b.presentation_time_offset);
    if (b.index_range) xml.attribute("indexRange", range_text(*b.index_range));
    if (b.initialization_range) {
        xml.open("Initialization");
        xml.attribute("range", range_text(*b.initialization_range));
        xml.close();
    }
    xml.close();
}

void producer_reference(XmlWriter& xml, const ProducerReferenceTime& p) {
    xml.open("ProducerReferenceTime");
    xml.attribute("id", std::int64_t{p.id});
    xml.attribute("type", "encoder");
    xml.attribute("wallClockTime", date_time(p.wall_clock_ms));
    xml.attribute("presentationTime", p.presentation_time);
    if (p.utc_timing) descriptors(xml, "UTCTiming", {*p.utc_timing});
    xml.close();
}

void service_description(XmlWriter& xml, const ServiceDescription& s) {
    xml.open("ServiceDescription");
    xml.attribute("id", std::int64_t{0});
    if (s.target_latency_ms != 0) {
        xml.open("Latency");
        xml.attribute("target", s.target_latency_ms);
        if (s.min_latency_ms != 0) xml.attribute("min", s.min_latency_ms);
        if (s.max_latency_ms != 0) xml.attribute("max", s.max_latency_ms);
        xml.attribute("referenceId", std::int64_t{s.reference_id});
        xml.close();
    }
    if (s.max_rate_percent != 0) {
        xml.open("PlaybackRate");
        const auto rate = [](std::uint32_t percent) {
            return fmt::format("{}.{:02}", percent / 100, percent % 100);
        };
        xml.attribute("min", rate(s.min_rate_percent));
        xml.attribute("max", rate(s.max_rate_percent));
        xml.close();
    }
    xml.close();
}

void representation(XmlWriter& xml, const Representation& r, const AdaptationSet& set) {
    xml.open("Representation");
    xml.attribute("id", r.id);
    if (r.mime_type != set.mime_type) xml.optional("mimeType", r.mime_type);
    xml.optional("codecs", r.codecs);
    xml.attribute("bandwidth", r.bandwidth);
    xml.optional("width", r.width);
    xml.optional("height", r.height);
    xml.optional("sar", r.sar);
    xml.optional("frameRate", r.frame_rate);
    xml.optional("audioSamplingRate", r.audio_sampling_rate);
    descriptors(xml, "AudioChannelConfiguration", r.audio_channels);
    xml.text_element("BaseURL", r.base_url);
    if (r.segment_base) segment_base(xml, *r.segment_base);
    if (r.segment_template) segment_template(xml, *r.segment_template);
    xml.close();
}

void adaptation_set(XmlWriter& xml, const AdaptationSet& set) {
    xml.open("AdaptationSet");
    if (set.id) xml.attribute("id", std::int64_t{*set.id});
    xml.optional("contentType", set.content_type);
    xml.optional("mimeType", set.mime_type);
    xml.optional("lang", set.lang);
    if (set.segment_alignment) xml.attribute("segmentAlignment", "true");
    if (set.subsegment_alignment) xml.attribute("subsegmentAlignment", "true");
    xml.optional("startWithSAP", set.start_with_sap);
    xml.optional("subsegmentStartsWithSAP", set.subsegment_starts_with_sap);
    xml.optional("par", set.par);
    xml.optional("maxWidth", set.max_width);
    xml.optional("maxHeight", set.max_height);
    xml.optional("maxFrameRate", set.max_frame_rate);
    descriptors(xml, "EssentialProperty", set.essential);
    descriptors(xml, "SupplementalProperty", set.supplemental);
    xml.text_element("Label", set.label);
    if (set.producer_reference) producer_reference(xml, *set.producer_reference);
    descriptors(xml, "Accessibility", set.accessibility);
    descriptors(xml, "Role", set.roles);
    xml.text_element("BaseURL", set.base_url);
    for (const Representation& r : set.representations) representation(xml, r, set);
    xml.close();
}

}  // namespace

std::string format_duration(std::int64_t micros) {
    std::string text = fmt::format("PT{}.{:06}", micros / 1'000'000, micros % 1'000'000);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text + 'S';
}

std::string write(const Mpd& mpd) {
    XmlWriter xml;
    xml.open("MPD");
    xml.attribute("xmlns", "urn:mpeg:dash:schema:mpd:2011");
    xml.attribute("profiles", mpd.profiles);
    xml.attribute("type", mpd.dynamic ? "dynamic" : "static");
    if (mpd.presentation_duration_us)
        xml.attribute("mediaPresentationDuration", format_duration(*mpd.presentation_duration_us));
    if (mpd.availability_start_ms)
        xml.attribute("availabilityStartTime", date_time(*mpd.availability_start_ms));
    if (mpd.publish_time_ms) xml.attribute("publishTime", date_time(*mpd.publish_time_ms));
    const auto duration = [&](const char* name, const std::optional<std::int64_t>& us) {
        if (us) xml.attribute(name, format_duration(*us));
    };
    duration("minimumUpdatePeriod", mpd.minimum_update_us);
    duration("timeShiftBufferDepth", mpd.time_shift_buffer_us);
    duration("suggestedPresentationDelay", mpd.suggested_delay_us);
    if (mpd.max_segment_duration_us)
        xml.attribute("maxSegmentDuration", format_duration(*mpd.max_segment_duration_us));
    xml.attribute("minBufferTime", format_duration(mpd.min_buffer_us));
    xml.text_element("BaseURL", mpd.base_url);
    if (mpd.service) service_description(xml, *mpd.service);
    for (const Period& p : mpd.periods) {
        xml.open("Period");
        xml.optional("id", p.id);
        if (p.start_us) xml.attribute("start", format_duration(*p.start_us));
        if (p.duration_us) xml.attribute("duration", format_duration(*p.duration_us));
        xml.text_element("BaseURL", p.base_url);
        for (const AdaptationSet& set : p.adaptation_sets) adaptation_set(xml, set);
        xml.close();
    }
    descriptors(xml, "UTCTiming", mpd.utc_timings);
    xml.close();
    return xml.take();
}

}  // namespace sg::formats::mpd
