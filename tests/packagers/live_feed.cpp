#include "live_feed.hpp"

#include <chrono>
#include <initializer_list>

#include <formats/codec_config.hpp>
#include <support/catch.hpp>

namespace sg::test {

using namespace packagers;
using formats::Codec;
using Bytes = std::vector<std::byte>;

namespace {

Bytes bytes_of(std::initializer_list<unsigned> values) {
    Bytes bytes;
    for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

void append(Bytes& to, const Bytes& from) {
    to.insert(to.end(), from.begin(), from.end());
}

const Bytes kSps =
    bytes_of({0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x10,
              0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x42, 0x99, 0x60});
const Bytes kPps = bytes_of({0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0});
const Bytes kCode = bytes_of({0, 0, 0, 1});
const Bytes kDelimiter = bytes_of({0x09, 0xf0});

Bytes picture(bool key, int size, bool annex_b) {
    Bytes nal(static_cast<std::size_t>(size), std::byte{0x5a});
    nal[0] = std::byte{key ? std::uint8_t{0x65} : std::uint8_t{0x41}};
    Bytes out;
    if (!annex_b) {
        for (int i = 3; i >= 0; --i) out.push_back(static_cast<std::byte>(size >> (8 * i)));
        append(out, nal);
        return out;
    }
    for (const Bytes* unit : {&kDelimiter, &kSps, &kPps}) {
        if (!key && unit != &kDelimiter) continue;
        append(out, kCode);
        append(out, *unit);
    }
    append(out, kCode);
    append(out, nal);
    return out;
}

}  // namespace

LivePackagerConfig live_packager_config() {
    LivePackagerConfig config;
    config.epoch = "k3x";
    return config;
}

LiveRenditionConfig live_video(const std::string& name, bool annex_b) {
    Bytes extradata;
    for (const Bytes* unit : {&kSps, &kPps}) {
        append(extradata, kCode);
        append(extradata, *unit);
    }
    LiveRenditionConfig config;
    config.name = name;
    config.codec = *formats::make_codec_config(Codec::kH264, extradata);
    config.annex_b = annex_b;
    return config;
}

LiveRenditionConfig live_audio(const std::string& name) {
    LiveRenditionConfig config;
    config.name = name;
    config.codec = *formats::make_codec_config(Codec::kAac, bytes_of({0x11, 0x90}));
    config.is_default = true;
    return config;
}

void LiveRecorder::on_rendition(std::size_t rendition,
                                const std::shared_ptr<const LiveInit>& init) {
    if (tracks_.size() <= rendition) tracks_.resize(rendition + 1);
    tracks_[rendition].inits.push_back(init);
}

void LiveRecorder::on_rendition_end(std::size_t rendition) {
    tracks_.at(rendition).ended = true;
}

void LiveRecorder::on_segment_start(std::size_t rendition, const LiveSegment& segment) {
    CHECK(segment.parts.empty());
    ++tracks_.at(rendition).started;
}

void LiveRecorder::on_part(std::size_t rendition, const LivePart& part) {
    tracks_.at(rendition).parts.push_back(part);
}

void LiveRecorder::on_segment_end(std::size_t rendition,
                                  std::shared_ptr<const LiveSegment> segment) {
    CHECK(segment->closed);
    tracks_.at(rendition).segments.push_back(std::move(segment));
}

std::optional<WallTime> LiveRecorder::date_at(std::int64_t ns) {
    using namespace std::chrono;
    return sys_days{year{2026} / 1 / 31} + hours{12} +
           duration_cast<WallTime::duration>(nanoseconds(ns));
}

void LiveFeed::send_video(const Video& video, std::int64_t frame) {
    // Decoding order within runs of three: the later reference first.
    std::int64_t shown = frame;
    const std::int64_t delay = video.reorder ? 2 : 0;
    const bool key = frame % video.gop == 0;
    if (video.reorder && !key) {
        const std::int64_t in_gop = frame % video.gop - 1;
        const std::int64_t group = in_gop / 3;
        const std::int64_t left = video.gop - 1 - group * 3;
        if (left >= 3) shown = frame + (in_gop % 3 == 0 ? 2 : -1);
    }
    LiveSample sample;
    sample.dts_ns = frame * video.frame_ns;
    sample.pts_ns = (shown + delay) * video.frame_ns;
    if (milliseconds) {
        sample.dts_ns = (sample.dts_ns + 500'000) / 1'000'000 * 1'000'000;
        sample.pts_ns = (sample.pts_ns + 500'000) / 1'000'000 * 1'000'000;
    }
    sample.key = key;
    sample.data = picture(key, video.bytes, annex_b);
    REQUIRE(packager_->add(video.rendition, std::move(sample)));
}

void LiveFeed::send_audio(const Audio& audio, std::int64_t frame) {
    LiveSample sample;
    sample.pts_ns = frame * 1024 * 1'000'000'000 / 48'000;
    if (milliseconds) sample.pts_ns = sample.pts_ns / 1'000'000 * 1'000'000;
    sample.dts_ns = sample.pts_ns;
    sample.key = true;
    sample.data = Bytes(static_cast<std::size_t>(audio.bytes), std::byte{0x21});
    REQUIRE(packager_->add(audio.rendition, std::move(sample)));
}

void LiveFeed::step(bool send) {
    const std::int64_t end = now_ + 1'000'000;
    if (send) {
        for (const Video& v : videos)
            for (std::int64_t f = (now_ + v.frame_ns - 1) / v.frame_ns; f * v.frame_ns < end; ++f)
                send_video(v, f);
        const auto time = [](std::int64_t f) { return f * 1024 * 1'000'000'000 / 48'000; };
        for (const Audio& a : audios) {
            std::int64_t f = now_ * 48'000 / 1'000'000'000 / 1024;
            while (time(f) < now_) ++f;
            for (; time(f) < end; ++f) send_audio(a, f);
        }
    }
    now_ = end;
}

void LiveFeed::run_until(std::int64_t ns) {
    while (now_ < ns) step(true);
}

void LiveFeed::skip_until(std::int64_t ns) {
    while (now_ < ns) step(false);
}

}  // namespace sg::test
