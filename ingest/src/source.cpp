#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <mutex>
#include <optional>

#include <fcntl.h>

#include <sys/stat.h>

#include <base/file.hpp>
#include <ingest/identity.hpp>
#include <ingest/source.hpp>
#include <media_av/check.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

#include "block_time.hpp"
#include "diagnose.hpp"
#include "edit_facts.hpp"
#include "file_io.hpp"
#include "known_streams.hpp"
#include "look.hpp"
#include "read_facts.hpp"
#include "table_packets.hpp"

namespace sg::ingest {
namespace {

using media::kNoTime;

/// Failed reads in a row after which nothing more is expected to come.
constexpr int kErrorsInARow = 64;
constexpr std::int64_t kMaxReadErrors = 10'000;
constexpr std::int64_t kProgramStreamLead = 512 << 10;
constexpr unsigned kProbeFormatBytes = 1U << 20;

int refuse_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
    return AVERROR(EPERM);
}

Result<UniqueFd> open_path(const std::filesystem::path& path, const std::string& name) {
    // Without O_NONBLOCK a pipe that nobody writes to would never come back.
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return errno_error(errno, "open " + name);
    return fd;
}

Result<std::int64_t> checked_size(int fd, const std::string& name) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return errno_error(errno, "look at " + name);
    if (S_ISDIR(about.st_mode))
        return Error{Errc::kInvalidArgument,
                     "open " + name + ": it is a folder; give a file, or a pattern such as " +
                         name + "/%04d.png"};
    if (!S_ISREG(about.st_mode))
        return Error{Errc::kInvalidArgument,
                     "open " + name +
                         ": it is a pipe or device, which cannot be read in any order; it must be "
                         "spooled first"};
    if (about.st_size == 0) return Error{Errc::kBadData, "open " + name + ": the file is empty"};
    return std::int64_t{about.st_size};
}

}  // namespace

struct MediaInput::State {
    UniqueFd fd;
    std::string name;
    std::string forced_demuxer;
    InputLimits limits;
    Depth depth = Depth::kFull;
    std::int64_t size = 0;
    std::stop_token stop;
    std::optional<av::Interrupt> interrupt;
    std::unique_ptr<FileIo> io;
    av::InputPtr context;
    SourceFacts facts;
    DamageCounters damage;
    std::deque<media::Packet> ahead;
    bool consumed = false;  ///< a packet was handed out since the source was opened
    std::vector<bool> wanted;
    std::vector<std::int64_t> last_position;
    std::optional<formats::ShortMovie> movie;  ///< shown to the demuxer instead of the whole
    std::unique_ptr<TablePackets> tables;      ///< give the packets, instead of the demuxer

    ~State() { context.reset(); }

    void arm(std::chrono::milliseconds timeout) {
        interrupt.emplace(stop);
        interrupt->set_deadline(av::Interrupt::Clock::now() + timeout);
    }

    [[nodiscard]] Error interrupted(const std::string& doing) const {
        if (stop.stop_requested()) return {Errc::kCancelled, doing + " " + name + ": stopped"};
        return {Errc::kTimeout,
                doing + " " + name +
                    ": took longer than allowed; the file may be damaged or its disk too slow"};
    }

    void shorten_movie();
    void describe_shortened();
    [[nodiscard]] Status open_demuxer();
    [[nodiscard]] Error open_error(int rc) const;
    [[nodiscard]] Status check_bounds() const;
    [[nodiscard]] Status look();
    [[nodiscard]] Result<media::Packet> pull();
    void restore_time(AVPacket& packet);
    void apply_selection();
};

Error MediaInput::State::open_error(int rc) const {
    if (rc == AVERROR_EXIT || interrupt->stopped() || interrupt->expired())
        return interrupted("open");
    if (io->read_error() != 0) return errno_error(io->read_error(), "read " + name);
    const auto boxes = walk_boxes(fd.get(), size);
    if (boxes.looks_like_mp4 && !boxes.has_moov && !boxes.has_moof)
        return {Errc::kBadData,
                name +
                    ": cut off before its index (moov), so nothing in it can be read; copy it "
                    "again from where it came"};
    return av::av_error(rc, "open " + name + ": its header is damaged").code == Errc::kLimit
               ? Error{Errc::kLimit,
                       "open " + name + ": its header asks for more memory than allowed"}
               : Error{Errc::kBadData,
                       "open " + name + ": it looks like " +
                           (context && context->iformat ? context->iformat->name : "a media file") +
                           " but its header is damaged"};
}

void MediaInput::State::shorten_movie() {
    const formats::ReadAt read = [this](std::uint64_t offset, std::span<std::byte> into) {
        return read_at(fd.get(), offset, into, name);
    };
    formats::ShortMovieOptions options;
    options.head = limits.abridged_samples;
    options.from_samples = limits.abridge_from_samples;
    if (const auto whole = formats::MovieFile::open(read, {}))
        movie = formats::shorten(*whole, options);
}

/// What libav would have found in the whole tables.
void MediaInput::State::describe_shortened() {
    for (const auto& track : movie->tracks) {
        for (unsigned i = 0; i < context->nb_streams; ++i) {
            AVStream* stream = context->streams[i];
            if (stream->id != static_cast<int>(track.id)) continue;
            auto* par = stream->codecpar;
            const auto scale = static_cast<std::int64_t>(track.timescale);
            stream->nb_frames = track.samples;
            if (track.duration == 0) continue;
            const auto duration = static_cast<std::int64_t>(track.duration);
            par->bit_rate = av_rescale_rnd(
                static_cast<std::int64_t>(track.bytes) * 8, scale, duration, AV_ROUND_DOWN);
            if (par->codec_type != AVMEDIA_TYPE_VIDEO) continue;
            av_reduce(&stream->avg_frame_rate.num,
                      &stream->avg_frame_rate.den,
                      scale * track.samples,
                      duration,
                      INT_MAX);
            if (track.frame_duration > 0)
                av_reduce(&stream->r_frame_rate.num,
                          &stream->r_frame_rate.den,
                          scale,
                          track.frame_duration,
                          INT_MAX);
            if (par->codec_id == AV_CODEC_ID_H264)
                par->video_delay = std::max(par->video_delay, track.reorder);
        }
    }
}

Status MediaInput::State::open_demuxer() {
    context.reset();
    arm(limits.open_timeout);
    io = std::make_unique<FileIo>(fd.get(), size, *interrupt);
    SG_TRY(io->start(name));
    if (movie) io->show(*movie);

    const AVInputFormat* format = nullptr;
    if (!forced_demuxer.empty()) {
        format = av_find_input_format(forced_demuxer.c_str());
        if (format == nullptr || !demuxer_allowed(format->name))
            return Error{Errc::kUnsupported,
                         "open " + name + ": no reader for the format \"" + forced_demuxer + "\""};
    } else {
        const int rc =
            av_probe_input_buffer2(io->context(), &format, "", nullptr, 0, kProbeFormatBytes);
        if (rc < 0 || format == nullptr) {
            if (interrupt->stopped() || interrupt->expired()) return interrupted("open");
            if (io->read_error() != 0) return errno_error(io->read_error(), "read " + name);
            return unrecognised(fd.get(), size, name);
        }
        if (!demuxer_allowed(format->name))
            return Error{Errc::kBadData, "open " + name + ": " + why_not_allowed(format->name)};
    }

    AVFormatContext* raw = avformat_alloc_context();
    if (raw == nullptr) return Error{Errc::kLimit, "open " + name + ": out of memory"};
    raw->pb = io->context();
    raw->flags |= AVFMT_FLAG_CUSTOM_IO;
    raw->interrupt_callback = interrupt->callback();
    raw->io_open = &refuse_open;
    raw->probesize = limits.probe_bytes;
    raw->max_analyze_duration = limits.probe_media_ms * 1000;
    raw->max_streams = limits.max_streams;
    av_opt_set(raw, "protocol_whitelist", "none", 0);
    int rc = avformat_open_input(&raw, "", format, nullptr);
    if (rc < 0) return open_error(rc);  // libav has freed the context
    context.reset(raw);
    if (movie) describe_shortened();

    std::vector<AVDictionary*> options(context->nb_streams, nullptr);
    for (unsigned i = 0; i < context->nb_streams; ++i) {
        av_dict_set_int(&options[i], "max_pixels", limits.max_pixels, 0);
        if (describe_known_stream(*context, *context->streams[i]))
            av_dict_set(&options[i], "codec_whitelist", "none", 0);
    }
    // Streams that turn up later, as in transport streams, get none: their sizes are checked
    // afterwards.
    const unsigned known = context->nb_streams;
    rc = avformat_find_stream_info(context.get(), options.empty() ? nullptr : options.data());
    for (unsigned i = 0; i < known; ++i) av_dict_free(&options[i]);
    if (interrupt->stopped() || interrupt->expired()) return interrupted("open");
    if (io->read_error() != 0) return errno_error(io->read_error(), "read " + name);
    if (rc < 0) return open_error(rc);
    last_position.assign(context->nb_streams, -1);
    consumed = false;
    ahead.clear();
    return {};
}

Status MediaInput::State::check_bounds() const {
    const auto limit = [&](const std::string& why) {
        return Error{Errc::kLimit, "open " + name + ": " + why};
    };
    if (std::ssize(facts.streams) >= limits.max_streams)
        return limit("it declares " + std::to_string(facts.streams.size()) +
                     " or more streams; at most " + std::to_string(limits.max_streams - 1) +
                     " are accepted");
    for (const auto& s : facts.streams) {
        if (s.type != media::MediaType::kVideo) continue;
        const std::int64_t w = s.video.width;
        const std::int64_t h = s.video.height;
        if (w > limits.max_side || h > limits.max_side || w * h > limits.max_pixels)
            return limit("it declares pictures of " + std::to_string(w) + "x" + std::to_string(h) +
                         ", more than the accepted " + std::to_string(limits.max_pixels) +
                         " pixels");
    }
    if (facts.duration_ns != kNoTime && facts.duration_ns / 1'000'000'000 > limits.max_duration_s &&
        context->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE)
        return limit("it declares a duration of " +
                     std::to_string(facts.duration_ns / 1'000'000'000 / 86'400) +
                     " days, more than the accepted " +
                     std::to_string(limits.max_duration_s / 86'400));
    return {};
}

/// Keeps what it reads: nothing is read twice, and a packet looked at is still handed out.
Status MediaInput::State::look() {
    Look view(facts);
    std::int64_t bytes = 0;
    bool at_end = false;
    std::optional<av::Interrupt::Clock::time_point> deadline =
        av::Interrupt::Clock::now() + std::chrono::milliseconds(500);
    while (bytes < limits.look_bytes && std::ssize(ahead) < limits.look_packets &&
           view.span_ns() < limits.look_media_ms * 1'000'000 &&
           av::Interrupt::Clock::now() < *deadline) {
        auto packet = pull();
        if (!packet) {
            if (packet.error().code == Errc::kCancelled || packet.error().code == Errc::kIo)
                return packet.error();
            at_end = true;
            break;
        }
        view.add(*packet);
        bytes += static_cast<std::int64_t>(packet->bytes());
        ahead.push_back(std::move(*packet));
    }
    view.finish(facts, at_end);
    for (auto& stream : facts.streams) refresh_info(stream);
    return {};
}

/// Of a Matroska packet before zero.
void MediaInput::State::restore_time(AVPacket& packet) {
    if (packet.pts != AV_NOPTS_VALUE || packet.dts != AV_NOPTS_VALUE || packet.pos < 0 ||
        !std::string_view(context->iformat->name).starts_with("matroska"))
        return;
    std::array<std::byte, 12> block{};
    const auto got = read_at(fd.get(), static_cast<std::uint64_t>(packet.pos), block, name);
    if (!got) return;
    const auto time = time_before_zero(std::span(block).first(*got));
    if (!time) return;
    packet.pts = *time;
    ++damage.before_zero;
}

Result<media::Packet> MediaInput::State::pull() {
    int in_a_row = 0;
    for (;;) {
        media::Packet packet;
        const std::int64_t before = io->context()->pos;
        arm(limits.read_timeout);
        const int rc = av_read_frame(context.get(), packet.native());
        if (rc == AVERROR_EOF ||
            (rc < 0 && io->read_error() == 0 && avio_feof(io->context()) != 0)) {
            if (io->read_error() != 0) return errno_error(io->read_error(), "read " + name);
            if (io->shrank()) damage.truncated = true;
            return Error{Errc::kEndOfStream, "read " + name + ": end of file"};
        }
        if (rc == AVERROR_EXIT || (rc < 0 && (interrupt->stopped() || interrupt->expired())))
            return interrupted("read");
        if (rc < 0) {
            if (io->read_error() != 0) return errno_error(io->read_error(), "read " + name);
            if (rc == AVERROR(EAGAIN) && in_a_row < kErrorsInARow) {
                ++in_a_row;
                continue;
            }
            ++damage.read_errors;
            in_a_row = io->context()->pos != before ? 1 : in_a_row + 1;
            if (in_a_row < kErrorsInARow && damage.read_errors < kMaxReadErrors) continue;
            damage.truncated = true;
            return Error{Errc::kEndOfStream, "read " + name + ": too damaged to go on"};
        }
        in_a_row = 0;
        auto* native = packet.native();
        const auto stream = static_cast<std::size_t>(native->stream_index);
        if (stream >= wanted.size()) {
            // Found after the header was read, by a transport stream that adds programs as it goes.
            if (stream >= facts.streams.size()) continue;
            wanted.resize(facts.streams.size(), true);
        }
        restore_time(*native);
        if (last_position.size() <= stream) last_position.resize(stream + 1, -1);
        if (native->pos < 0)
            native->pos = last_position[stream];
        else
            last_position[stream] = native->pos;
        if (!wanted[stream]) continue;
        if (native->size > limits.max_packet_bytes) {
            ++damage.oversized;
            continue;
        }
        if ((native->flags & AV_PKT_FLAG_CORRUPT) != 0) ++damage.corrupt_packets;
        return packet;
    }
}

void MediaInput::State::apply_selection() {
    for (unsigned i = 0; i < context->nb_streams; ++i)
        context->streams[i]->discard =
            i < wanted.size() && wanted[i] ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

MediaInput::MediaInput(std::unique_ptr<State> state) : state_(std::move(state)) {}
MediaInput::~MediaInput() = default;

Result<std::unique_ptr<MediaInput>> MediaInput::open(OpenOptions options) {
    // libav says more than is of use, also of decoders that it is told not to open.
    static std::once_flag log_routed;
    std::call_once(log_routed, av::route_log);
    auto state = std::make_unique<State>();
    auto& s = *state;
    s.name = !options.name.empty() ? options.name : options.path.filename().string();
    if (s.name.empty()) s.name = options.path.string();
    s.limits = options.limits;
    s.depth = options.depth;
    s.stop = options.stop;
    s.forced_demuxer = options.demuxer;
    if (options.fd.valid()) {
        s.fd = std::move(options.fd);
    } else {
        SG_TRY_ASSIGN(s.fd, open_path(options.path, s.name));
    }
    SG_TRY_ASSIGN(s.size, checked_size(s.fd.get(), s.name));
    if (options.abridge || !options.tables.empty()) s.shorten_movie();
    SG_TRY(s.open_demuxer());

    s.facts.name = s.name;
    s.facts.bytes = s.size;
    read_facts(s.context.get(), s.facts);
    // A second opening, for a seek, must not probe to another result.
    s.forced_demuxer = s.facts.demuxer.substr(0, s.facts.demuxer.find(','));
    SG_TRY(s.check_bounds());
    s.wanted.assign(s.facts.streams.size(), false);
    bool any = false;
    for (const auto& stream : s.facts.streams) {
        const bool playable = stream.is_playable_video() || stream.type == media::MediaType::kAudio;
        any = any || (playable && stream.codec != media::CodecId::kUnknown);
        s.wanted[static_cast<std::size_t>(stream.index)] = playable;
    }
    s.apply_selection();
    if (s.depth == Depth::kFull) SG_TRY(s.look());
    const bool encrypted =
        std::any_of(s.facts.streams.begin(), s.facts.streams.end(), [](const StreamFacts& f) {
            return f.encrypted && (f.is_playable_video() || f.type == media::MediaType::kAudio);
        });
    if (encrypted || (s.facts.demuxer == "mpegts" && s.depth == Depth::kFull &&
                      ts_scrambled(s.fd.get(), s.size)))
        return Error{
            Errc::kUnsupported,
            "open " + s.name + ": it is encrypted, and keys are not asked for; decrypt it first"};
    if (!any) {
        const bool pictures =
            std::any_of(s.facts.streams.begin(), s.facts.streams.end(), [](const StreamFacts& f) {
                return f.type == media::MediaType::kVideo;
            });
        return Error{Errc::kBadData,
                     "open " + s.name + ": no sound and no moving picture in it" +
                         (pictures                  ? ", only a still picture"
                          : s.facts.streams.empty() ? " (no streams at all)"
                                                    : "")};
    }
    if (s.depth == Depth::kFull) {
        if (s.facts.demuxer.starts_with("mov,")) {
            read_edit_facts(s.fd.get(), s.facts);
            const auto boxes = walk_boxes(s.fd.get(), s.size);
            if (boxes.missing_bytes > 0) s.damage.truncated = true;
            if (boxes.missing_bytes > 0)
                s.facts.warnings.push_back(
                    {"truncated",
                     "the file ends " + std::to_string(boxes.missing_bytes) +
                         " bytes early; what is missing at its end is lost"});
        }
        find_warnings(s.facts);
    }
    if (options.identify) {
        SG_TRY_ASSIGN(s.facts.identity, sg::ingest::identify(s.fd.get(), s.name));
    }
    std::unique_ptr<MediaInput> input(new MediaInput(std::move(state)));
    if (!options.tables.empty()) SG_TRY(input->read_by_tables(options.tables));
    return input;
}

bool MediaInput::abridged() const {
    return state_->movie.has_value() && !state_->tables;
}

Status MediaInput::read_by_tables(const std::vector<TableStream>& tables) {
    auto& s = *state_;
    SG_TRY_ASSIGN(s.tables, TablePackets::open(s.fd.get(), s.facts, tables));
    s.ahead.clear();
    return {};
}

Status MediaInput::show_whole() {
    auto& s = *state_;
    s.tables.reset();
    if (!s.movie) return {};
    s.movie.reset();
    SG_TRY(s.open_demuxer());
    s.apply_selection();
    return {};
}

const SourceFacts& MediaInput::facts() const {
    return state_->facts;
}
const DamageCounters& MediaInput::damage() const {
    return state_->damage;
}
std::int64_t MediaInput::position() const {
    return state_->tables ? state_->tables->position() : state_->io->offset();
}
int MediaInput::fd() const {
    return state_->fd.get();
}
void MediaInput::set_stop(std::stop_token stop) {
    state_->stop = std::move(stop);
}

Result<media::Packet> MediaInput::read_packet() {
    auto& s = *state_;
    if (s.stop.stop_requested()) return s.interrupted("read");
    s.consumed = true;
    if (s.tables) return s.tables->next(s.wanted, s.limits.max_packet_bytes, s.damage);
    while (!s.ahead.empty()) {
        auto packet = std::move(s.ahead.front());
        s.ahead.pop_front();
        if (s.wanted[static_cast<std::size_t>(packet.stream())]) return packet;
    }
    return s.pull();
}

void MediaInput::select(const std::vector<int>& streams) {
    auto& s = *state_;
    std::fill(s.wanted.begin(), s.wanted.end(), false);
    for (const int stream : streams) {
        if (stream >= 0 && stream < std::ssize(s.wanted))
            s.wanted[static_cast<std::size_t>(stream)] = true;
    }
    s.apply_selection();
}

Status MediaInput::seek(const pipeline::SeekPoint& point, pipeline::SeekMethod method, int stream) {
    auto& s = *state_;
    if (s.tables && !s.tables->has(s.wanted)) SG_TRY(show_whole());
    if (s.tables) {
        s.consumed = true;
        if (point.pts == kNoTime || method == pipeline::SeekMethod::kScan)
            s.tables->rewind();
        else if (method == pipeline::SeekMethod::kTime)
            return s.tables->seek(stream, point.dts != kNoTime ? point.dts : point.pts);
        else
            return Error{Errc::kUnsupported,
                         "seek in " + s.name + ": its packets are found by their time"};
        return {};
    }
    if (point.pts == kNoTime || method == pipeline::SeekMethod::kScan) {
        if (!s.consumed) return {};
        SG_TRY(s.open_demuxer());
        s.apply_selection();
        return {};
    }
    s.ahead.clear();
    s.consumed = true;
    std::fill(s.last_position.begin(), s.last_position.end(), -1);
    s.arm(s.limits.read_timeout);
    int rc = 0;
    if (method == pipeline::SeekMethod::kPosition) {
        if (point.position < 0)
            return Error{Errc::kInvalidArgument,
                         "seek in " + s.name + ": the point has no position"};
        // In a program stream pictures begin in mid-packet: the one before must be read to find
        // where.
        const std::int64_t early = s.facts.demuxer == "mpeg" ? kProgramStreamLead : 0;
        const std::int64_t at = std::max<std::int64_t>(0, point.position - early);
        rc = avformat_seek_file(s.context.get(), -1, 0, at, at, AVSEEK_FLAG_BYTE);
    } else {
        // ISO-BMFF finds samples by decoding time, Matroska's cues hold presentation times.
        const bool by_dts = s.facts.demuxer.starts_with("mov,") && point.dts != kNoTime;
        const auto time = by_dts ? point.dts : point.pts;
        rc = avformat_seek_file(s.context.get(), stream, INT64_MIN, time, time, 0);
    }
    if (rc < 0 && (s.interrupt->stopped() || s.interrupt->expired()))
        return s.interrupted("seek in");
    return av::check(rc, "seek in " + s.name);
}

bool matches(const media::Packet& packet,
             const pipeline::SeekPoint& point,
             pipeline::SeekMethod method) {
    if (packet.pts() != point.pts) return false;
    if (method == pipeline::SeekMethod::kTime)
        return point.dts == kNoTime || packet.dts() == kNoTime || packet.dts() == point.dts;
    return point.position < 0 || packet.position() == point.position;
}

}  // namespace sg::ingest
