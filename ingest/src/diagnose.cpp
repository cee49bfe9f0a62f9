#include "diagnose.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <span>
#include <vector>

#include <base/file.hpp>

namespace sg::ingest {
namespace {

using namespace std::string_view_literals;

// Not here on purpose: hls, dash, concat, imf, image2, lavfi, rtsp, sdp, devices: all of them open
// other things by name.
constexpr std::array kAllowed{
    "3g2"sv,    "3gp"sv,   "aac"sv,      "ac3"sv,          "ac4"sv,   "aiff"sv,   "amr"sv,
    "amrnb"sv,  "amrwb"sv, "ape"sv,      "apng"sv,         "asf"sv,   "asf_o"sv,  "au"sv,
    "av1"sv,    "avi"sv,   "caf"sv,      "cavsvideo"sv,    "dirac"sv, "dnxhd"sv,  "dts"sv,
    "dtshd"sv,  "dv"sv,    "eac3"sv,     "flac"sv,         "flv"sv,   "gif"sv,    "gxf"sv,
    "h261"sv,   "h263"sv,  "h264"sv,     "hevc"sv,         "ivf"sv,   "lxf"sv,    "loas"sv,
    "m4a"sv,    "m4v"sv,   "matroska"sv, "mj2"sv,          "mjpeg"sv, "mlp"sv,    "mov"sv,
    "mp3"sv,    "mp4"sv,   "mpc"sv,      "mpc8"sv,         "mpeg"sv,  "mpegts"sv, "mpegvideo"sv,
    "mtv"sv,    "mxf"sv,   "nut"sv,      "obu"sv,          "ogg"sv,   "rm"sv,     "tak"sv,
    "truehd"sv, "tta"sv,   "vc1"sv,      "vc1test"sv,      "w64"sv,   "wav"sv,    "webm"sv,
    "wtv"sv,    "wv"sv,    "xwma"sv,     "yuv4mpegpipe"sv, "vvc"sv};

template <class F>
bool any_name(std::string_view list, F wanted) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        if (wanted(list.substr(0, comma))) return true;
        if (comma == std::string_view::npos) break;
        list.remove_prefix(comma + 1);
    }
    return false;
}

std::uint64_t big_endian(std::span<const std::byte> bytes) {
    std::uint64_t v = 0;
    for (const auto b : bytes) v = v << 8 | std::to_integer<std::uint64_t>(b);
    return v;
}

bool is_text(std::string_view head) {
    if (head.empty()) return false;
    std::size_t odd = 0;
    for (const char c : head) {
        const auto u = static_cast<unsigned char>(c);
        if (u == 0) return false;
        if (u < 32 && u != '\n' && u != '\r' && u != '\t' && u != '\f' && u != 27) ++odd;
    }
    return odd * 50 < head.size();
}

bool contains_folded(std::string_view text, std::string_view lower) {
    const auto found =
        std::search(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
            return std::tolower(static_cast<unsigned char>(a)) == b;
        });
    return found != text.end();
}

std::string guess(std::string_view head) {
    const auto starts = [&](std::string_view magic) {
        return head.substr(0, magic.size()) == magic;
    };
    if (starts("#EXTM3U")) return "it is an HLS playlist; give the media file it was made from";
    if (starts("PK\x03\x04")) return "it is a ZIP archive; unpack it first";
    if (starts("\x1f\x8b")) return "it is compressed with gzip; unpack it first";
    if (starts("Rar!")) return "it is a RAR archive; unpack it first";
    if (starts("7z\xbc\xaf")) return "it is a 7z archive; unpack it first";
    if (starts("%PDF")) return "it is a PDF document";
    if (starts("\x7f"
               "ELF"))
        return "it is a program";
    if (is_text(head)) {
        if (contains_folded(head, "<mpd"))
            return "it is a DASH manifest; give the media file it was made from";
        if (contains_folded(head, "<html"))
            return "it is a web page, perhaps of a download that failed";
        if (starts("WEBVTT")) return "it holds only subtitles";
        return "it is text";
    }
    if (std::all_of(head.begin(), head.end(), [](char c) { return c == '\0'; }))
        return "it holds only zero bytes, perhaps of a copy that was not finished";
    return "no known container was recognised in it; if it is encrypted, decrypt it first";
}

}  // namespace

bool demuxer_allowed(std::string_view short_name) {
    return any_name(short_name, [](std::string_view one) {
        return std::find(kAllowed.begin(), kAllowed.end(), one) != kAllowed.end();
    });
}

std::string why_not_allowed(std::string_view short_name) {
    const auto is = [&](std::string_view name) {
        return any_name(short_name, [&](std::string_view one) { return one == name; });
    };
    const std::string format(short_name.substr(0, short_name.find(',')));
    if (format.size() > 5 && format.ends_with("_pipe"))
        return "it is a single picture; to make a film of pictures give a pattern such as "
               "frames/%04d.png";
    if (is("image2"))
        return "it is a single picture; to make a film of pictures give a pattern such as "
               "frames/%04d.png";
    if (is("hls") || is("applehttp"))
        return "it is an HLS playlist; give the media file it was made from";
    if (is("dash")) return "it is a DASH manifest; give the media file it was made from";
    if (is("concat") || is("imf") || is("sdp") || is("rtsp"))
        return "it is a list of other files or addresses (" + format +
               "), which is not followed; give the media files themselves";
    if (is("srt") || is("ass") || is("webvtt") || is("microdvd") || is("subviewer") || is("sami") ||
        is("scc") || is("mpl2") || is("lrc") || is("vobsub") || is("sup"))
        return "it holds only subtitles";
    if (is("tty")) return "it is text";
    return "the format " + format + " is not among those that are read";
}

Error unrecognised(int fd, std::int64_t size, const std::string& name) {
    std::vector<std::byte> head(4096);
    const auto got = read_at(fd, 0, head, name);
    if (!got) return got.error();
    const std::string_view text(reinterpret_cast<const char*>(head.data()), *got);
    const auto boxes = walk_boxes(fd, size);
    if (boxes.looks_like_mp4 && !boxes.has_moov)
        return {Errc::kBadData,
                name +
                    ": cut off before its index (moov), so nothing in it can be read; copy it "
                    "again from where it came"};
    return {Errc::kBadData, name + ": not a media file: " + guess(text)};
}

BoxWalk walk_boxes(int fd, std::int64_t size) {
    BoxWalk walk;
    std::int64_t at = 0;
    constexpr int kMaxBoxes = 100'000;
    for (int i = 0; i < kMaxBoxes && at + 8 <= size; ++i) {
        std::array<std::byte, 16> head{};
        const auto got = read_at(fd, static_cast<std::uint64_t>(at), head, "box");
        if (!got || *got < 8) break;
        auto length = static_cast<std::int64_t>(big_endian(std::span(head).first(4)));
        const std::string_view type(reinterpret_cast<const char*>(head.data()) + 4, 4);
        if (length == 1) {
            if (*got < 16) break;
            const auto large = big_endian(std::span(head).subspan(8, 8));
            if (large > static_cast<std::uint64_t>(INT64_MAX - at)) break;
            length = static_cast<std::int64_t>(large);
        } else if (length == 0) {
            length = size - at;
        }
        constexpr std::array kTop{"ftyp"sv,
                                  "moov"sv,
                                  "mdat"sv,
                                  "free"sv,
                                  "skip"sv,
                                  "wide"sv,
                                  "moof"sv,
                                  "styp"sv,
                                  "sidx"sv,
                                  "pnot"sv,
                                  "uuid"sv,
                                  "meta"sv,
                                  "mfra"sv,
                                  "emsg"sv,
                                  "prft"sv};
        const bool known = std::find(kTop.begin(), kTop.end(), type) != kTop.end();
        if (i == 0 && !known) break;
        if (type == "ftyp" || type == "moov" || type == "moof" || (type == "mdat" && i > 0))
            walk.looks_like_mp4 = true;
        if (type == "moov") walk.has_moov = true;
        if (type == "moof") walk.has_moof = true;
        if (type == "mdat") walk.has_mdat = true;
        if (length < 8) break;
        if (known && length > size - at) walk.missing_bytes = length - (size - at);
        if (length > size - at) break;
        at += length;
    }
    return walk;
}

bool ts_scrambled(int fd, std::int64_t size) {
    std::vector<std::byte> block(static_cast<std::size_t>(std::min<std::int64_t>(size, 2 << 20)));
    const auto got = read_at(fd, 0, block, "ts");
    if (!got) return false;
    const auto bytes = std::span<const std::byte>(block).first(*got);
    constexpr std::byte kSync{0x47};
    for (const std::size_t step : {std::size_t{188}, std::size_t{192}, std::size_t{204}}) {
        for (std::size_t start = 0; start < step && start + 4 * step < bytes.size(); ++start) {
            if (bytes[start] != kSync || bytes[start + step] != kSync ||
                bytes[start + 2 * step] != kSync || bytes[start + 3 * step] != kSync)
                continue;
            std::int64_t scrambled = 0;
            std::int64_t clear = 0;
            for (std::size_t at = start; at + 4 <= bytes.size() && bytes[at] == kSync; at += step) {
                const auto pid = (std::to_integer<unsigned>(bytes[at + 1]) & 0x1fU) << 8 |
                                 std::to_integer<unsigned>(bytes[at + 2]);
                if (pid < 0x20 || pid == 0x1fff) continue;
                const auto control = std::to_integer<unsigned>(bytes[at + 3]) >> 6;
                ++(control >= 2 ? scrambled : clear);
            }
            return scrambled > clear;
        }
    }
    return false;
}

}  // namespace sg::ingest
