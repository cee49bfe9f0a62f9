#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>

/// MPEG-DASH manifests as values: ISO/IEC 23009-1, presentations of the isoff-live profile, static
/// and dynamic, and of the isoff-on-demand profile.
namespace sg::formats::mpd {

inline constexpr const char* kLiveProfile = "urn:mpeg:dash:profile:isoff-live:2011";
inline constexpr const char* kOnDemandProfile = "urn:mpeg:dash:profile:isoff-on-demand:2011";
inline constexpr const char* kRoleScheme = "urn:mpeg:dash:role:2011";

/// §5.8.2.
struct Descriptor {
    std::string scheme;
    std::string value;
    bool operator==(const Descriptor&) const = default;
};

/// First and last byte, both included, as in HTTP.
struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool operator==(const ByteRange&) const = default;
};

/// S (§5.3.9.6).
struct TimelineEntry {
    std::optional<std::int64_t> t;
    std::int64_t d = 0;
    std::int64_t r =
        0;  ///< repeats after the first; -1: to the next entry or the end of the period
    bool operator==(const TimelineEntry&) const = default;
};

/// §5.3.9.4. Without a timeline every segment lasts `duration`.
struct SegmentTemplate {
    std::uint32_t timescale = 1;
    std::int64_t presentation_time_offset = 0;
    std::int64_t start_number = 1;
    std::int64_t duration = 0;  ///< @duration in timescale; 0 absent
    std::string initialization;
    std::string media;
    std::vector<TimelineEntry> timeline;
    /// @availabilityTimeOffset: a segment may be asked for this much before it is complete.
    std::int64_t availability_time_offset_us = 0;
    bool availability_time_complete = true;
    bool operator==(const SegmentTemplate&) const = default;
};

/// §5.3.9.2: one file with its index.
struct SegmentBase {
    std::uint32_t timescale = 1;
    std::int64_t presentation_time_offset = 0;
    std::optional<ByteRange> index_range;
    std::optional<ByteRange> initialization_range;
    bool operator==(const SegmentBase&) const = default;
};

/// ProducerReferenceTime (§5.12): what the encoder's clock showed at a media time.
struct ProducerReferenceTime {
    std::uint32_t id = 0;
    std::int64_t wall_clock_ms = 0;      ///< since 1970-01-01T00:00:00Z
    std::int64_t presentation_time = 0;  ///< media timeline, in the template's timescale
    std::optional<Descriptor> utc_timing;
    bool operator==(const ProducerReferenceTime&) const = default;
};

/// ServiceDescription (§K.4) with a Latency and a PlaybackRate; 0 is absent.
struct ServiceDescription {
    std::int64_t target_latency_ms = 0;
    std::int64_t min_latency_ms = 0;
    std::int64_t max_latency_ms = 0;
    std::uint32_t reference_id = 0;  ///< of the ProducerReferenceTime that latency is measured by
    std::uint32_t min_rate_percent = 0;
    std::uint32_t max_rate_percent = 0;
    bool operator==(const ServiceDescription&) const = default;
};

/// §5.3.5. Empty strings and 0 are absent. After parse(), attributes common with the set (§5.3.7)
/// and segment information stand here, inherited from the set and the period where the
/// representation has none of its own.
struct Representation {
    std::string id;
    std::uint64_t bandwidth = 0;
    std::string mime_type;
    std::string codecs;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::string sar;         ///< "1:1"
    std::string frame_rate;  ///< "30000/1001"
    std::string audio_sampling_rate;
    std::vector<Descriptor> audio_channels;
    std::string base_url;
    std::optional<SegmentTemplate> segment_template;
    std::optional<SegmentBase> segment_base;
};

/// §5.3.3. Attributes that all representations share are written here only.
struct AdaptationSet {
    std::optional<std::uint32_t> id;
    std::string content_type;
    std::string mime_type;
    std::string lang;
    std::string par;
    std::uint32_t max_width = 0;
    std::uint32_t max_height = 0;
    std::string max_frame_rate;
    bool segment_alignment = false;
    bool subsegment_alignment = false;
    unsigned start_with_sap = 0;
    unsigned subsegment_starts_with_sap = 0;
    std::vector<Descriptor> essential;
    std::vector<Descriptor> supplemental;
    std::string label;
    std::optional<ProducerReferenceTime> producer_reference;
    std::vector<Descriptor> accessibility;
    std::vector<Descriptor> roles;
    std::string base_url;
    std::vector<Representation> representations;
};

struct Period {
    std::string id;
    std::optional<std::int64_t> start_us;
    std::optional<std::int64_t> duration_us;
    std::string base_url;
    std::vector<AdaptationSet> adaptation_sets;
};

struct Mpd {
    std::string profiles;
    bool dynamic = false;
    std::optional<std::int64_t> presentation_duration_us;
    std::optional<std::int64_t> max_segment_duration_us;
    std::int64_t min_buffer_us = 0;
    std::string base_url;
    std::vector<Period> periods;

    // Of dynamic presentations.
    std::optional<std::int64_t> availability_start_ms;  ///< since 1970-01-01T00:00:00Z
    std::optional<std::int64_t> publish_time_ms;
    std::optional<std::int64_t> minimum_update_us;
    std::optional<std::int64_t> time_shift_buffer_us;
    std::optional<std::int64_t> suggested_delay_us;
    std::optional<ServiceDescription> service;
    std::vector<Descriptor> utc_timings;
};

[[nodiscard]] std::string write(const Mpd& mpd);

/// Takes hostile bytes; more than 32 MiB is kLimit. Elements and attributes it does not know are
/// ignored; what breaks the schema is kBadData, "line 12: what is wrong". Entities other than XML's
/// own five are not expanded.
[[nodiscard]] Result<Mpd> parse(std::string_view bytes);

/// xs:duration without years and months (whose length is not fixed), in microseconds.
[[nodiscard]] std::optional<std::int64_t> parse_duration(std::string_view text);
[[nodiscard]] std::string format_duration(std::int64_t micros);

/// One segment that a template names; times in its timescale, on the media timeline
/// (presentation_time_offset included).
struct NamedSegment {
    std::int64_t number = 0;
    std::int64_t time = 0;
    std::int64_t duration = 0;
};

/// All segments of a template in a period of this length. kLimit when there are more than
/// `max_segments`.
[[nodiscard]] Result<std::vector<NamedSegment>> expand(const SegmentTemplate& of,
                                                       std::int64_t period_us,
                                                       std::size_t max_segments);

/// Puts the values into $RepresentationID$, $Number$, $Time$, $Bandwidth$ and $$, with %0<width>d
/// (§5.3.9.4.4).
[[nodiscard]] Result<std::string> fill_template(std::string_view pattern,
                                                const Representation& representation,
                                                std::int64_t number,
                                                std::int64_t time);

}  // namespace sg::formats::mpd
