#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <base/log.hpp>
#include <ingest/pulled_media.hpp>

#include "gst_library.hpp"

namespace sg::ingest {
namespace {

constexpr GstClockTime kBusWait = 100 * GST_MSECOND;
/// How long packets that come out of order are waited for.
constexpr guint kJitterMs = 200;
/// Of microseconds: what rtspsrc waits for an answer.
constexpr guint64 kAnswerUs = 10'000'000;
constexpr std::size_t kMostReorder = 16;

struct Payload {
    const char* encoding;  ///< of the SDP's rtpmap (RFC 4855)
    formats::Codec codec;
    const char* chain;
};

constexpr const char* kAac = "aacparse ! audio/mpeg,mpegversion=4,stream-format=raw";
const std::array<Payload, 10> kPayloads{{
    {"H264",
     formats::Codec::kH264,
     "rtph264depay ! h264parse ! video/x-h264,stream-format=avc,alignment=au"},
    {"H265",
     formats::Codec::kHevc,
     "rtph265depay ! h265parse ! video/x-h265,stream-format=hvc1,alignment=au"},
    {"VP9", formats::Codec::kVp9, "rtpvp9depay ! vp9parse ! video/x-vp9,alignment=super-frame"},
    {"MPEG4-GENERIC", formats::Codec::kAac, "rtpmp4gdepay"},
    {"MP4A-LATM", formats::Codec::kAac, "rtpmp4adepay"},
    {"OPUS", formats::Codec::kOpus, "rtpopusdepay ! opusparse"},
    {"AC3", formats::Codec::kAc3, "rtpac3depay ! ac3parse"},
    {"EAC3", formats::Codec::kEac3, "rtpac3depay ! ac3parse"},
    {"MPA", formats::Codec::kMp3, "rtpmpadepay ! mpegaudioparse"},
    {"MPA-ROBUST", formats::Codec::kMp3, "rtpmparobustdepay ! mpegaudioparse"},
}};

/// Decoding times from display times alone, for RTP carries no others.
class DecodeTimes {
  public:
    std::int64_t of(std::int64_t pts) {
        const auto later =
            static_cast<std::size_t>(std::distance(window_.upper_bound(pts), window_.end()));
        depth_ = std::min(std::max(depth_, later), kMostReorder);
        window_.insert(pts);
        while (window_.size() > depth_ + 1) window_.erase(window_.begin());
        last_ = last_ ? std::max(*last_ + 1, *window_.begin()) : *window_.begin();
        return std::min(*last_, pts);
    }

  private:
    std::multiset<std::int64_t> window_;
    std::size_t depth_ = 0;
    std::optional<std::int64_t> last_;
};

std::string scheme_and_host(const std::string& url) {
    const auto from = url.find("://");
    if (from == std::string::npos) return "rtsp";
    auto rest = url.substr(from + 3);
    rest = rest.substr(0, rest.find_first_of("/?#"));
    return url.substr(0, from + 3) + rest.substr(rest.rfind('@') + 1);
}

class RtspPull {
  public:
    RtspPull(const GstLibrary& gst, const std::string& url, PulledMedia& media)
        : gst_(gst), url_(url), shown_(scheme_and_host(url)), media_(media) {}
    ~RtspPull();

    Status run(const std::stop_token& stop);

  private:
    struct Track {
        RtspPull& owner;
        int id;
        Payload payload;
        bool announced = false;
        DecodeTimes decode_times;
    };

    static void on_pad(GstElement*, GstPad* pad, gpointer self) {
        static_cast<RtspPull*>(self)->add(pad);
    }
    static GstFlowReturn on_sample(GstElement* sink, gpointer track) {
        auto& t = *static_cast<Track*>(track);
        return t.owner.take(sink, t);
    }

    Status start();
    void add(GstPad* pad);
    GstFlowReturn take(GstElement* sink, Track& track);
    Status deliver(Track& track, GstSample* sample);
    [[nodiscard]] std::vector<std::byte> configuration(const Track& track,
                                                       GstSample* sample,
                                                       std::span<const std::byte> data) const;
    [[nodiscard]] std::vector<std::byte> bytes(GstBuffer* buffer) const;
    [[nodiscard]] Error explain(GstMessage* message) const;

    const GstLibrary& gst_;
    const std::string url_;
    const std::string shown_;
    PulledMedia& media_;
    GstElement* pipeline_ = nullptr;
    GstBus* bus_ = nullptr;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Track>> tracks_;
    std::set<std::string> left_out_;
    std::optional<Error> failed_;
};

RtspPull::~RtspPull() {
    if (pipeline_ == nullptr) return;
    gst_.element_set_state(pipeline_, GST_STATE_NULL);
    if (bus_ != nullptr) gst_.object_unref(bus_);
    gst_.object_unref(pipeline_);
}

Status RtspPull::start() {
    auto* source = gst_.element_factory_make("rtspsrc", nullptr);
    if (source == nullptr)
        return Error{Errc::kUnsupported,
                     "pull by RTSP: GStreamer has no rtspsrc; install gstreamer1.0-plugins-good"};
    // GStreamer's own spelling says UDP; else TCP, which passes every firewall.
    constexpr int kUdp = 1 | 2;
    constexpr int kTcp = 4;
    const bool udp = url_.starts_with("rtspu://");
    const auto location = udp ? "rtsp" + url_.substr(5) : url_;
    gst_.object_set(source,
                    "location",
                    location.c_str(),
                    "latency",
                    kJitterMs,
                    "protocols",
                    udp ? kUdp : kTcp,
                    "timeout",
                    kAnswerUs,
                    "tcp-timeout",
                    kAnswerUs,
                    nullptr);
    gst_.signal_connect_data(
        source, "pad-added", reinterpret_cast<GCallback>(&RtspPull::on_pad), this, nullptr, {});
    pipeline_ = gst_.pipeline_new(nullptr);
    gst_.bin_add(reinterpret_cast<GstBin*>(pipeline_), source);
    bus_ = gst_.element_get_bus(pipeline_);
    gst_.element_set_state(pipeline_, GST_STATE_PLAYING);
    return {};
}

Status RtspPull::run(const std::stop_token& stop) {
    SG_TRY(start());
    constexpr auto kWanted = static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
    while (!stop.stop_requested()) {
        auto* message = gst_.bus_timed_pop_filtered(bus_, kBusWait, kWanted);
        {
            const std::lock_guard lock(mutex_);
            if (failed_) {
                if (message != nullptr) gst_.mini_object_unref(GST_MINI_OBJECT_CAST(message));
                return *failed_;
            }
        }
        if (message == nullptr) continue;
        const auto error = GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR
                               ? explain(message)
                               : Error{Errc::kEndOfStream,
                                       fmt::format("pull {}: the server ended the stream", shown_)};
        gst_.mini_object_unref(GST_MINI_OBJECT_CAST(message));
        return error;
    }
    return Error{Errc::kCancelled, "pull by RTSP: stopped"};
}

Error RtspPull::explain(GstMessage* message) const {
    GError* error = nullptr;
    gchar* debug = nullptr;
    gst_.message_parse_error(message, &error, &debug);
    std::string why = error != nullptr ? error->message : "no reason given";
    const std::string details = debug != nullptr ? debug : "";
    // Its last line tells most; a URL in it may hold a password.
    const auto last = details.substr(details.rfind('\n') + 1);
    if (!last.empty() && last != details && last.find("://") == std::string::npos)
        why += " " + last;
    if (why.find("://") != std::string::npos) why = "the server cannot be played";
    if (error != nullptr) gst_.error_free(error);
    gst_.free(debug);
    std::string left_out;
    for (const auto& each : left_out_) left_out += (left_out.empty() ? "" : ", ") + each;
    if (!left_out.empty() && tracks_.empty())
        return Error{
            Errc::kUnsupported,
            fmt::format("pull {}: it sends {}, which cannot be packaged", shown_, left_out)};
    return Error{Errc::kIo, fmt::format("pull {}: {}", shown_, why)};
}

void RtspPull::add(GstPad* pad) {
    auto* caps = gst_.pad_get_current_caps(pad);
    if (caps == nullptr) caps = gst_.pad_query_caps(pad, nullptr);
    const auto* name = gst_.structure_get_string(gst_.caps_get_structure(caps, 0), "encoding-name");
    const std::string encoding = name != nullptr ? name : "an unnamed encoding";
    gst_.mini_object_unref(GST_MINI_OBJECT_CAST(caps));
    const auto found = std::find_if(kPayloads.begin(), kPayloads.end(), [&](const auto& each) {
        return encoding == each.encoding;
    });
    const std::lock_guard lock(mutex_);
    if (found == kPayloads.end()) {
        log::warn("rtsp_track_left_out encoding={}", encoding);
        left_out_.insert(encoding);
        return;
    }
    auto track =
        std::make_unique<Track>(Track{*this, static_cast<int>(tracks_.size()), *found, false, {}});
    const auto description = fmt::format(
        "{} {} ! appsink name=out sync=false emit-signals=true max-buffers=200",
        found->chain,
        found->codec == formats::Codec::kAac ? std::string("! ") + kAac : std::string());
    GError* error = nullptr;
    auto* bin = gst_.parse_bin_from_description(description.c_str(), TRUE, &error);
    if (bin == nullptr) {
        failed_ = Error{Errc::kUnsupported,
                        fmt::format("pull {}: {}; install gstreamer1.0-plugins-good and -bad",
                                    shown_,
                                    error != nullptr ? error->message : "an element is missing")};
        if (error != nullptr) gst_.error_free(error);
        return;
    }
    if (error != nullptr) gst_.error_free(error);
    auto* sink = gst_.bin_get_by_name(reinterpret_cast<GstBin*>(bin), "out");
    gst_.signal_connect_data(sink,
                             "new-sample",
                             reinterpret_cast<GCallback>(&RtspPull::on_sample),
                             track.get(),
                             nullptr,
                             {});
    gst_.object_unref(sink);
    gst_.bin_add(reinterpret_cast<GstBin*>(pipeline_), bin);
    gst_.element_sync_state_with_parent(bin);
    auto* input = gst_.element_get_static_pad(bin, "sink");
    const auto linked = gst_.pad_link(pad, input);
    gst_.object_unref(input);
    if (linked != GST_PAD_LINK_OK)
        failed_ = Error{Errc::kInternal,
                        fmt::format("pull {}: GStreamer does not link {}", shown_, encoding)};
    tracks_.push_back(std::move(track));
}

GstFlowReturn RtspPull::take(GstElement* sink, Track& track) {
    auto* sample = gst_.app_sink_try_pull_sample(reinterpret_cast<GstAppSink*>(sink), 0);
    if (sample == nullptr) return GST_FLOW_OK;
    const std::lock_guard lock(mutex_);
    const auto status = failed_ ? Status(*failed_) : deliver(track, sample);
    gst_.mini_object_unref(GST_MINI_OBJECT_CAST(sample));
    if (status) return GST_FLOW_OK;
    if (!failed_) failed_ = status.error();
    return GST_FLOW_ERROR;
}

std::vector<std::byte> RtspPull::bytes(GstBuffer* buffer) const {
    GstMapInfo map{};
    if (buffer == nullptr || gst_.buffer_map(buffer, &map, GST_MAP_READ) == FALSE) return {};
    const auto* from = reinterpret_cast<const std::byte*>(map.data);
    std::vector<std::byte> out(from, from + map.size);
    gst_.buffer_unmap(buffer, &map);
    return out;
}

std::vector<std::byte> RtspPull::configuration(const Track& track,
                                               GstSample* sample,
                                               std::span<const std::byte> data) const {
    auto* caps = gst_.sample_get_caps(sample);
    if (caps == nullptr) return {};
    const auto* structure = gst_.caps_get_structure(caps, 0);
    if (const auto* value = gst_.structure_get_value(structure, "codec_data"))
        return bytes(static_cast<GstBuffer*>(gst_.value_get_boxed(value)));
    if (const auto* headers = gst_.structure_get_value(structure, "streamheader");
        headers != nullptr && gst_.value_array_get_size(headers) > 0)
        return bytes(
            static_cast<GstBuffer*>(gst_.value_get_boxed(gst_.value_array_get_value(headers, 0))));
    switch (track.payload.codec) {
        case formats::Codec::kVp9:
        case formats::Codec::kAc3:
        case formats::Codec::kEac3:
        case formats::Codec::kMp3:
            return {data.begin(), data.end()};
        default:
            return {};
    }
}

Status RtspPull::deliver(Track& track, GstSample* sample) {
    auto* buffer = gst_.sample_get_buffer(sample);
    if (buffer == nullptr || !GST_CLOCK_TIME_IS_VALID(GST_BUFFER_PTS(buffer))) return {};
    const auto time = gst_.segment_to_running_time(
        gst_.sample_get_segment(sample), GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    if (!GST_CLOCK_TIME_IS_VALID(time)) return {};
    const bool video = formats::is_video(track.payload.codec);
    TimedUnit unit;
    unit.track = track.id;
    unit.data = bytes(buffer);
    unit.key = !video || !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    unit.damaged = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_CORRUPTED);
    if (unit.data.empty()) return {};
    if (!track.announced) {
        if (!unit.key) return {};
        PulledTrack described;
        described.id = track.id;
        described.codec = track.payload.codec;
        described.extradata = configuration(track, sample, unit.data);
        if (described.extradata.empty()) return {};
        SG_TRY(media_.on_track(described));
        track.announced = true;
    }
    unit.pts_ns = static_cast<std::int64_t>(time);
    unit.dts_ns = video ? track.decode_times.of(unit.pts_ns) : unit.pts_ns;
    return media_.on_unit(std::move(unit));
}

}  // namespace

Status pull_rtsp(const std::string& url, PulledMedia& media, std::stop_token stop) {
    SG_TRY_ASSIGN(const auto* gst, GstLibrary::get());
    return RtspPull(*gst, url, media).run(stop);
}

}  // namespace sg::ingest
