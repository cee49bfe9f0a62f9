#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include <sys/stat.h>

#include <base/file.hpp>
#include <ingest/spool.hpp>
#include <media_av/check.hpp>
#include <media_av/interrupt.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

namespace sg::ingest {
namespace {

using namespace std::string_view_literals;

constexpr std::array kEndings{".png"sv,
                              ".jpg"sv,
                              ".jpeg"sv,
                              ".tif"sv,
                              ".tiff"sv,
                              ".bmp"sv,
                              ".webp"sv,
                              ".dpx"sv,
                              ".exr"sv,
                              ".tga"sv,
                              ".ppm"sv,
                              ".pgm"sv,
                              ".jp2"sv,
                              ".j2k"sv};
constexpr std::int64_t kMaxImageBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMaxPixels = std::int64_t{16384} * 16384;
constexpr int kWriteBuffer = 256 << 10;

std::string ending(const std::string& path) {
    std::string end = std::filesystem::path(path).extension().string();
    std::transform(end.begin(), end.end(), end.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return end;
}

/// "%d" or "%04d" in the file name: where it stands and how it ends.
bool find_number(std::string_view name, std::size_t& from, std::size_t& length, int& width) {
    for (std::size_t i = name.find('%'); i != std::string_view::npos; i = name.find('%', i + 1)) {
        std::size_t j = i + 1;
        int digits = 0;
        while (j < name.size() && std::isdigit(static_cast<unsigned char>(name[j])) != 0 &&
               j - i < 4) {
            digits = digits * 10 + (name[j] - '0');
            ++j;
        }
        if (j < name.size() && name[j] == 'd') {
            from = i;
            length = j - i + 1;
            width = digits;
            return true;
        }
    }
    return false;
}

bool has_wildcard(std::string_view name) {
    return name.find_first_of("*?") != std::string_view::npos;
}

std::string numbered(const std::string& pattern,
                     std::size_t from,
                     std::size_t length,
                     int width,
                     std::int64_t number) {
    std::string digits = std::to_string(number);
    if (std::ssize(digits) < width)
        digits.insert(0, static_cast<std::size_t>(width) - digits.size(), '0');
    return pattern.substr(0, from) + digits + pattern.substr(from + length);
}

/// Hands out picture paths one after the other, so that a million of them need no list.
class ImagePaths {
  public:
    [[nodiscard]] static Result<ImagePaths> find(const std::string& pattern) {
        ImagePaths paths;
        paths.pattern_ = pattern;
        if (find_number(pattern, paths.from_, paths.length_, paths.width_)) {
            // As usual for sequences the first picture has a number below five; else the folder
            // tells the lowest.
            for (std::int64_t n = 0; n < 5; ++n) {
                if (::access(numbered(pattern, paths.from_, paths.length_, paths.width_, n).c_str(),
                             F_OK) == 0) {
                    paths.next_ = n;
                    return paths;
                }
            }
            SG_TRY(paths.lowest_in_folder());
            return paths;
        }
        glob_t found{};
        const int rc = ::glob(pattern.c_str(), 0, nullptr, &found);
        for (std::size_t i = 0; rc == 0 && i < found.gl_pathc; ++i)
            paths.list_.emplace_back(found.gl_pathv[i]);
        ::globfree(&found);
        if (paths.list_.empty())
            return Error{Errc::kNotFound, "open " + pattern + ": no picture matches it"};
        paths.listed_ = true;
        return paths;
    }

    /// Empty after the last.
    [[nodiscard]] std::string next() {
        if (listed_) return at_ < list_.size() ? list_[at_++] : std::string();
        std::string path = numbered(pattern_, from_, length_, width_, next_++);
        return ::access(path.c_str(), F_OK) == 0 ? path : std::string();
    }

  private:
    Status lowest_in_folder() {
        const std::filesystem::path path(pattern_);
        std::size_t from = 0;
        std::size_t length = 0;
        int width = 0;
        const std::string name = path.filename().string();
        const Error nothing{Errc::kNotFound, "open " + pattern_ + ": no picture matches it"};
        if (!find_number(name, from, length, width)) return nothing;
        const std::string before = name.substr(0, from);
        const std::string after = name.substr(from + length);
        std::int64_t lowest = -1;
        std::error_code failed;
        const auto folder =
            path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
        for (std::filesystem::directory_iterator it(folder, failed), end; !failed && it != end;
             it.increment(failed)) {
            const std::string one = it->path().filename().string();
            if (!one.starts_with(before) || !one.ends_with(after) ||
                one.size() <= before.size() + after.size())
                continue;
            const std::string digits =
                one.substr(before.size(), one.size() - before.size() - after.size());
            const bool number = digits.size() < 18 &&
                                std::all_of(digits.begin(), digits.end(), [](unsigned char c) {
                                    return std::isdigit(c) != 0;
                                });
            if (!number || (width > 0 && std::ssize(digits) < width)) continue;
            const std::int64_t n = std::stoll(digits);
            if (lowest < 0 || n < lowest) lowest = n;
        }
        if (lowest < 0) return nothing;
        next_ = lowest;
        return {};
    }

    std::string pattern_;
    std::size_t from_ = 0;
    std::size_t length_ = 0;
    int width_ = 0;
    std::int64_t next_ = 0;
    bool listed_ = false;
    std::vector<std::string> list_;
    std::size_t at_ = 0;
};

/// What av_find_input_format knows a picture's codec by: its bytes, through the image demuxers'
/// probes.
AVCodecID codec_of(const std::string& bytes, const std::string& path) {
    AVProbeData probe{};
    std::string padded = bytes.substr(0, 4096);
    const auto size = static_cast<int>(padded.size());
    padded.resize(padded.size() + AVPROBE_PADDING_SIZE, '\0');
    probe.buf = reinterpret_cast<unsigned char*>(padded.data());
    probe.buf_size = size;
    probe.filename = path.c_str();
    const auto* format = av_probe_input_format(&probe, 1);
    if (format == nullptr) return AV_CODEC_ID_NONE;
    std::string_view name = format->name;
    if (!name.ends_with("_pipe")) return AV_CODEC_ID_NONE;
    name.remove_suffix(5);
    if (name == "jpeg") name = "mjpeg";
    if (name == "j2k") name = "jpeg2000";
    const auto* codec = avcodec_descriptor_get_by_name(std::string(name).c_str());
    return codec != nullptr && codec->type == AVMEDIA_TYPE_VIDEO ? codec->id : AV_CODEC_ID_NONE;
}

/// Writes Matroska into the temporary file.
class Packer {
  public:
    Packer(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    ~Packer() {
        context_.reset();
        io_.reset();
    }
    Packer(const Packer&) = delete;
    Packer& operator=(const Packer&) = delete;

    Status start(
        AVCodecID codec, int width, int height, AVPixelFormat format, media::Rational rate) {
        AVFormatContext* raw = nullptr;
        SG_TRY(av::check(avformat_alloc_output_context2(&raw, nullptr, "matroska", nullptr),
                         "pack the pictures of " + name_));
        context_.reset(raw);
        auto* buffer = static_cast<std::uint8_t*>(av_malloc(kWriteBuffer));
        if (buffer == nullptr)
            return Error{Errc::kLimit, "pack the pictures of " + name_ + ": out of memory"};
        io_.reset(avio_alloc_context(buffer, kWriteBuffer, 1, this, nullptr, &write, &seek));
        raw->pb = io_.get();
        raw->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
        auto* stream = avformat_new_stream(raw, nullptr);
        if (stream == nullptr)
            return Error{Errc::kLimit, "pack the pictures of " + name_ + ": out of memory"};
        stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
        stream->codecpar->codec_id = codec;
        stream->codecpar->width = width;
        stream->codecpar->height = height;
        stream->codecpar->format = format;
        stream->time_base = av::to_av(rate.inverse());
        stream->avg_frame_rate = av::to_av(rate);
        rate_ = rate;
        return av::check(avformat_write_header(raw, nullptr), "pack the pictures of " + name_);
    }

    Status add(const std::string& bytes, std::int64_t number) {
        av::PacketPtr packet(av_packet_alloc());
        if (!packet)
            return Error{Errc::kLimit, "pack the pictures of " + name_ + ": out of memory"};
        SG_TRY(av::check(av_new_packet(packet.get(), static_cast<int>(bytes.size())),
                         "pack the pictures of " + name_));
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(packet->data));
        packet->stream_index = 0;
        packet->flags |= AV_PKT_FLAG_KEY;
        const auto timebase = context_->streams[0]->time_base;
        const auto own = av::to_av(rate_.inverse());
        packet->pts = packet->dts = av_rescale_q(number, own, timebase);
        packet->duration = av_rescale_q(number + 1, own, timebase) - packet->pts;
        return finish_write(av_write_frame(context_.get(), packet.get()));
    }

    Status finish() {
        SG_TRY(finish_write(av_write_trailer(context_.get())));
        avio_flush(io_.get());
        if (write_error_ != 0)
            return errno_error(write_error_, "write the temporary copy of " + name_);
        return {};
    }

  private:
    struct FreeOutput {
        void operator()(AVFormatContext* p) const { avformat_free_context(p); }
    };

    Status finish_write(int rc) const {
        if (write_error_ != 0)
            return errno_error(write_error_, "write the temporary copy of " + name_);
        return av::check(rc, "pack the pictures of " + name_);
    }

#if LIBAVFORMAT_VERSION_MAJOR >= 61
    static int write(void* self, const std::uint8_t* bytes, int size) {
#else
    static int write(void* self, std::uint8_t* bytes, int size) {
#endif
        auto& me = *static_cast<Packer*>(self);
        int done = 0;
        while (done < size) {
            const auto n =
                ::pwrite(me.fd_, bytes + done, static_cast<std::size_t>(size - done), me.offset_);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) {
                me.write_error_ = errno;
                return AVERROR(errno);
            }
            done += static_cast<int>(n);
            me.offset_ += n;
        }
        return size;
    }
    static std::int64_t seek(void* self, std::int64_t offset, int whence) {
        auto& me = *static_cast<Packer*>(self);
        if ((whence & AVSEEK_SIZE) != 0) return AVERROR(ENOSYS);
        if (whence == SEEK_CUR)
            offset += me.offset_;
        else if (whence != SEEK_SET)
            return AVERROR(EINVAL);
        me.offset_ = offset;
        return offset;
    }

    int fd_;
    std::string name_;
    std::int64_t offset_ = 0;
    int write_error_ = 0;
    media::Rational rate_{25, 1};
    av::IoPtr io_;
    std::unique_ptr<AVFormatContext, FreeOutput> context_;
};

struct PictureSize {
    int width = 0;
    int height = 0;
    AVPixelFormat format = AV_PIX_FMT_NONE;
};

Result<PictureSize> decode_size(AVCodecID codec, std::string bytes, const std::string& path) {
    const auto attempted = "read the first picture " + path;
    const auto* decoder = avcodec_find_decoder(codec);
    if (decoder == nullptr) return Error{Errc::kUnsupported, attempted + ": no decoder for it"};
    av::CodecContextPtr context(avcodec_alloc_context3(decoder));
    av::PacketPtr packet(av_packet_alloc());
    av::FramePtr frame(av_frame_alloc());
    if (!context || !packet || !frame) return Error{Errc::kLimit, attempted + ": out of memory"};
    context->thread_count = 1;
    context->max_pixels = kMaxPixels;
    SG_TRY(av::check(avcodec_open2(context.get(), decoder, nullptr), attempted));
    SG_TRY(av::check(av_new_packet(packet.get(), static_cast<int>(bytes.size())), attempted));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(packet->data));
    SG_TRY(av::check(avcodec_send_packet(context.get(), packet.get()), attempted));
    (void)avcodec_send_packet(context.get(), nullptr);
    SG_TRY(av::check(avcodec_receive_frame(context.get(), frame.get()), attempted));
    return PictureSize{frame->width, frame->height, static_cast<AVPixelFormat>(frame->format)};
}

}  // namespace

bool is_image_pattern(const std::string& uri) {
    const std::string name = std::filesystem::path(uri).filename().string();
    std::size_t from = 0;
    std::size_t length = 0;
    int width = 0;
    if (!find_number(name, from, length, width) && !has_wildcard(name)) return false;
    const std::string end = ending(name);
    return std::find(kEndings.begin(), kEndings.end(), end) != kEndings.end();
}

Status pack_images(const std::string& pattern, int to, const SpoolOptions& options) {
    if (!options.image_rate.positive() || options.image_rate.num > 1'000'000 ||
        options.image_rate.den > 1'000'000)
        return Error{Errc::kInvalidArgument,
                     "open " + pattern + ": the frame rate of the pictures must be positive"};
    SG_TRY_ASSIGN(auto paths, ImagePaths::find(pattern));
    Packer packer(to, std::filesystem::path(pattern).filename().string());
    AVCodecID codec = AV_CODEC_ID_NONE;
    std::int64_t total = 0;
    std::int64_t count = 0;
    auto last_report = std::chrono::steady_clock::now();
    for (std::string path = paths.next(); !path.empty(); path = paths.next()) {
        if (options.stop.stop_requested())
            return Error{Errc::kCancelled, "read " + pattern + ": stopped"};
        struct stat about {};
        if (::stat(path.c_str(), &about) != 0) return errno_error(errno, "read " + path);
        if (!S_ISREG(about.st_mode))
            return Error{Errc::kInvalidArgument, "read " + path + ": it is not a file"};
        SG_TRY_ASSIGN(const std::string bytes, read_file(path, kMaxImageBytes));
        const auto found = codec_of(bytes, path);
        if (found == AV_CODEC_ID_NONE)
            return Error{Errc::kBadData, "read " + path + ": not a picture of a known kind"};
        if (codec == AV_CODEC_ID_NONE) {
            codec = found;
            SG_TRY_ASSIGN(const auto size, decode_size(codec, bytes, path));
            SG_TRY(packer.start(codec, size.width, size.height, size.format, options.image_rate));
        } else if (found != codec) {
            return Error{
                Errc::kBadData,
                "read " + path + ": it is of another kind than the first picture of " + pattern};
        }
        SG_TRY(packer.add(bytes, count));
        ++count;
        total += std::ssize(bytes);
        if (count > options.max_images || total > options.max_bytes)
            return Error{Errc::kLimit,
                         "read " + pattern + ": more pictures than allowed; raise the limit"};
        const auto now = std::chrono::steady_clock::now();
        if (options.progress && now - last_report > std::chrono::milliseconds(100)) {
            last_report = now;
            options.progress(total);
        }
    }
    if (count == 0) return Error{Errc::kNotFound, "open " + pattern + ": no picture matches it"};
    return packer.finish();
}

}  // namespace sg::ingest
