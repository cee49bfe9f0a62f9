#include <algorithm>
#include <deque>
#include <string_view>

#include <ingest/demux_source.hpp>
#include <ingest/timed_reader.hpp>
#include <media_av/libav.hpp>

namespace sg::ingest {
namespace {

using media::kNoTime;
using media::MediaType;

constexpr std::int64_t kSecond = 1'000'000'000;
/// A broadcast packet further than this from those around it, though the timeline is repaired, is
/// damaged.
constexpr std::int64_t kStrayForward = 20 * kSecond;
constexpr std::int64_t kStrayBackward = 2 * kSecond;
/// Packets of a stream that never shows a key frame are passed on after so many.
constexpr std::int64_t kPatience = 600;
/// A seek that does not meet its key frame within this much reading is given up for reading from
/// the start.
constexpr std::int64_t kSeekBytes = std::int64_t{128} << 20;

}  // namespace

struct DemuxSource::State {
    struct Port {
        int stream = -1;
        bool video = false;
        media::Timebase timebase{1, 1};
        media::StreamInfoPtr info;
        bool announced = false;
        bool waits_for_key = false;
        std::int64_t waited = 0;
        std::int64_t leading_until_ns = kNoTime;  ///< pictures shown before it, up to the next key
                                                  ///< frame, lack what they refer to
        std::int64_t last_ns = kNoTime;
        std::vector<std::int64_t> after_ns;  ///< of the pictures at and after the stop, the first
        bool ended = false;
    };

    std::unique_ptr<MediaInput> input;
    DemuxOptions options;
    std::unique_ptr<TimedReader> reader;
    std::vector<Port> ports;
    std::vector<int> port_of_stream;
    std::deque<pipeline::PortItem> ready;
    std::int64_t start_ns = kNoTime;
    bool seeking = false;  ///< the start point was not met yet
    bool sought = false;
    bool again =
        false;  ///< a seek failed and reading began anew: what was delivered must not come twice
    std::int64_t passed_bytes = 0;
    std::int64_t epoch_shift = 0;
    bool epoch_known = false;
    std::int64_t epoch_position = -1;
    bool broadcast = false;
    std::int64_t newest_ns = kNoTime;
    std::int64_t strays = 0;

    [[nodiscard]] Status start();
    [[nodiscard]] bool all_ended() const {
        return std::all_of(ports.begin(), ports.end(), [](const Port& p) { return p.ended; });
    }
    void end(std::size_t port) {
        announce(port);
        ports[port].ended = true;
        ready.push_back({static_cast<int>(port), pipeline::EndOfStream{}});
    }
    void announce(std::size_t port) {
        if (ports[port].announced) return;
        ports[port].announced = true;
        ready.push_back({static_cast<int>(port), pipeline::StreamStart{ports[port].info}});
    }
    void note_epoch(std::int64_t position);
    [[nodiscard]] bool past_end(const Port& port, std::int64_t time, std::int64_t margin) const;
    void note_after(Port& port, std::int64_t pts) const;
    [[nodiscard]] bool stray(const Port& port, std::int64_t ns);
    [[nodiscard]] bool wanted(Port& port, const TimedReader::TimedPacket& timed, std::int64_t ns);
    void take(TimedReader::TimedPacket timed);
    [[nodiscard]] Result<bool> meet_start(const TimedReader::TimedPacket& timed);
};

Status DemuxSource::State::start() {
    sought = true;
    seeking = options.start.pts != kNoTime;
    input->select(options.streams);
    reader = std::make_unique<TimedReader>(*input);
    SG_TRY(reader->seek(
        options.start, options.seek, ports[static_cast<std::size_t>(options.start_port)].stream));
    if (seeking)
        start_ns = options.timeline.to_presentation(
            options.start.pts,
            ports[static_cast<std::size_t>(options.start_port)].timebase,
            options.start.position);
    return {};
}

void DemuxSource::State::note_epoch(std::int64_t position) {
    const auto& epochs = options.timeline.epochs();
    if (epochs.size() < 2 || position < 0) return;
    const auto after = std::upper_bound(
        epochs.begin(),
        epochs.end(),
        position,
        [](std::int64_t at, const pipeline::TimelineEpoch& e) { return at < e.from_position; });
    const auto& epoch = after == epochs.begin() ? epochs.front() : *std::prev(after);
    const bool later = epoch.from_position > epoch_position;
    if (epoch_known && later && epoch.shift_ns != epoch_shift) {
        for (std::size_t i = 0; i < ports.size(); ++i) {
            if (ports[i].announced && !ports[i].ended)
                ready.push_back({static_cast<int>(i), pipeline::Discontinuity{}});
        }
    }
    if (!epoch_known || later) {
        epoch_known = true;
        epoch_shift = epoch.shift_ns;
        epoch_position = epoch.from_position;
    }
}

bool DemuxSource::State::stray(const Port& port, std::int64_t ns) {
    if (!broadcast) return false;
    if (newest_ns != kNoTime && ns > newest_ns + kStrayForward) return true;
    return port.last_ns != kNoTime && ns < port.last_ns - kStrayBackward;
}

bool DemuxSource::State::wanted(Port& port,
                                const TimedReader::TimedPacket& timed,
                                std::int64_t ns) {
    if (again && port.last_ns != kNoTime && ns <= port.last_ns) return false;
    if (!port.video) {
        if (start_ns == kNoTime) return true;
        const auto duration = media::rescale(
            timed.packet.duration(), port.timebase, media::kNanoseconds, media::Rounding::kUp);
        return ns + std::max<std::int64_t>(duration, 1) > start_ns;
    }
    const bool key = timed.packet.key();
    if (port.waits_for_key) {
        if (!key && port.waited++ < kPatience) return false;
        port.waits_for_key = false;
        port.leading_until_ns = ns;
        return true;
    }
    if (key) port.leading_until_ns = kNoTime;
    return port.leading_until_ns == kNoTime || ns >= port.leading_until_ns || timed.second_field;
}

Result<bool> DemuxSource::State::meet_start(const TimedReader::TimedPacket& timed) {
    passed_bytes += static_cast<std::int64_t>(timed.packet.bytes());
    if (timed.packet.key() && matches(timed.packet, options.start, options.seek)) {
        seeking = false;
        return true;
    }
    if (passed_bytes > kSeekBytes && options.seek != pipeline::SeekMethod::kScan) {
        options.seek = pipeline::SeekMethod::kScan;
        again = true;
        SG_TRY(start());
    }
    return false;
}

bool DemuxSource::State::past_end(const Port& port, std::int64_t time, std::int64_t margin) const {
    auto end = options.stop_ns;
    if (port.video && options.pictures_after > 0) {
        if (std::ssize(port.after_ns) < options.pictures_after) return false;
        end = port.after_ns.back() + 1;
    }
    return end < std::numeric_limits<std::int64_t>::max() - margin && time >= end + margin;
}

/// Keeps the earliest, in order.
void DemuxSource::State::note_after(Port& port, std::int64_t pts) const {
    if (!port.video || pts < options.stop_ns) return;
    port.after_ns.insert(std::upper_bound(port.after_ns.begin(), port.after_ns.end(), pts), pts);
    if (std::ssize(port.after_ns) > options.pictures_after) port.after_ns.pop_back();
}

void DemuxSource::State::take(TimedReader::TimedPacket timed) {
    const auto index =
        static_cast<std::size_t>(port_of_stream[static_cast<std::size_t>(timed.packet.stream())]);
    auto& port = ports[index];
    auto* native = timed.packet.native();
    const auto map = [&](std::int64_t time) {
        return options.timeline.to_presentation(time, port.timebase, native->pos);
    };
    const std::int64_t pts = map(native->pts);
    const std::int64_t dts = map(native->dts);
    const std::int64_t time = dts == kNoTime ? pts : std::min(dts, pts);
    if (stray(port, time)) {
        ++strays;
        return;
    }
    if (!wanted(port, timed, pts)) return;
    port.last_ns = port.last_ns == kNoTime ? time : std::max(port.last_ns, time);
    newest_ns = std::max(newest_ns, time);

    // Later pictures are shown at or after this one's decoding time; without one, reordering is
    // allowed a second.
    const bool guessed = timed.filled || dts == kNoTime;
    const std::int64_t margin = port.video && guessed ? kSecond : 0;
    if (past_end(port, time, margin)) {
        end(index);
        return;
    }
    if (!timed.second_field) note_after(port, pts);
    note_epoch(native->pos);
    announce(index);
    native->duration = media::rescale(
        native->duration, port.timebase, media::kNanoseconds, media::Rounding::kNearest);
    native->pts = pts;
    native->dts = dts;
    native->time_base = AVRational{1, 1'000'000'000};
    ready.push_back({static_cast<int>(index), std::move(timed.packet)});
}

DemuxSource::DemuxSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
DemuxSource::~DemuxSource() = default;

Result<std::unique_ptr<DemuxSource>> DemuxSource::create(std::unique_ptr<MediaInput> input,
                                                         DemuxOptions options) {
    auto state = std::make_unique<State>();
    auto& s = *state;
    const auto& facts = input->facts();
    s.port_of_stream.assign(facts.streams.size(), -1);
    if (options.streams.empty() || options.start_port < 0 ||
        options.start_port >= std::ssize(options.streams))
        return Error{Errc::kInvalidArgument, "read " + facts.name + ": no stream was chosen"};
    for (const int stream : options.streams) {
        const auto* about = facts.stream(stream);
        if (about == nullptr || s.port_of_stream[static_cast<std::size_t>(stream)] >= 0)
            return Error{Errc::kMismatch,
                         "read " + facts.name + ": it has no stream " + std::to_string(stream) +
                             "; has the file changed since it was planned?"};
        State::Port port;
        port.stream = stream;
        port.video = about->is_playable_video();
        port.waits_for_key = port.video;
        port.timebase = about->timebase;
        auto info = std::make_shared<media::StreamInfo>(*about->info);
        info->timebase = media::kNanoseconds;
        port.info = std::move(info);
        s.port_of_stream[static_cast<std::size_t>(stream)] = static_cast<int>(s.ports.size());
        s.ports.push_back(std::move(port));
    }
    const std::string_view demuxer = facts.demuxer;
    s.broadcast = demuxer == "mpegts" || demuxer == "mpeg" || demuxer == "flv";
    s.input = std::move(input);
    s.options = std::move(options);
    return std::unique_ptr<DemuxSource>(new DemuxSource(std::move(state)));
}

Result<pipeline::PortItem> DemuxSource::read(std::stop_token stop) {
    auto& s = *state_;
    s.input->set_stop(stop);
    if (!s.sought) {
        SG_TRY(s.start());
        for (std::size_t i = 0; i < s.ports.size(); ++i) s.announce(i);
    }
    for (;;) {
        if (!s.ready.empty()) {
            auto item = std::move(s.ready.front());
            s.ready.pop_front();
            return item;
        }
        if (s.all_ended())
            return Error{Errc::kInternal,
                         "read " + s.input->facts().name + ": read again after its end"};
        auto timed = s.reader->read();
        if (!timed) {
            if (timed.error().code != Errc::kEndOfStream) return std::move(timed).error();
            if (s.seeking && s.options.seek != pipeline::SeekMethod::kScan) {
                s.options.seek = pipeline::SeekMethod::kScan;
                s.again = true;
                SG_TRY(s.start());
                continue;
            }
            if (s.seeking)
                return Error{Errc::kBadData,
                             "read " + s.input->facts().name +
                                 ": the planned key frame is not in it; has the file changed since "
                                 "it was planned?"};
            for (std::size_t i = 0; i < s.ports.size(); ++i) {
                if (!s.ports[i].ended) s.end(i);
            }
            continue;
        }
        const int port = s.port_of_stream[static_cast<std::size_t>(timed->packet.stream())];
        if (port < 0 || s.ports[static_cast<std::size_t>(port)].ended) continue;
        if (s.seeking && port == s.options.start_port) {
            SG_TRY_ASSIGN(const bool met, s.meet_start(*timed));
            if (!met) continue;
        }
        s.take(std::move(*timed));
    }
}

DamageCounters DemuxSource::damage() const {
    DamageCounters sum = state_->input->damage();
    sum.corrupt_packets += state_->strays;
    return sum;
}
const SourceFacts& DemuxSource::facts() const {
    return state_->input->facts();
}

}  // namespace sg::ingest
