#include "made.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <span>

#include <base/digest.hpp>
#include <support/catch.hpp>

namespace sg::test {
namespace {

template <class T>
T must(Result<T> result) {
    INFO((result ? std::string() : result.error().message));
    REQUIRE(result);
    return std::move(*result);
}

std::span<const std::byte> span_of(const std::string& bytes) {
    return std::as_bytes(std::span(bytes));
}

MadeSegment read_segment(const std::string& bytes, const formats::MovieInfo& init) {
    MadeSegment segment;
    const auto parsed =
        must(formats::parse_segment(span_of(bytes), std::vector{init.tracks.front().extends}));
    for (const auto& fragment : parsed.fragments) {
        auto dts = static_cast<std::int64_t>(fragment.decode_time);
        for (const auto& s : fragment.samples) {
            const auto payload = std::string_view(bytes).substr(s.offset, s.size);
            segment.samples.push_back(
                {dts + s.composition_offset, dts, s.duration, s.key, sha256_hex(payload)});
            dts += s.duration;
        }
    }
    return segment;
}

}  // namespace

std::int64_t MadeSegment::first_pts() const {
    REQUIRE_FALSE(samples.empty());
    return std::min_element(samples.begin(),
                            samples.end(),
                            [](const auto& a, const auto& b) { return a.pts < b.pts; })
        ->pts;
}

std::int64_t MadeSegment::end_pts() const {
    std::int64_t end = first_pts();
    for (const auto& s : samples) end = std::max(end, s.pts + s.duration);
    return end;
}

std::size_t MadeRendition::samples() const {
    std::size_t all = 0;
    for (const auto& s : segments) all += s.samples.size();
    return all;
}

std::vector<std::string> MadeRendition::hashes() const {
    std::vector<std::string> all;
    for (const auto& segment : segments) {
        for (const auto& sample : segment.samples) all.push_back(sample.sha256);
    }
    return all;
}

double MadeRendition::first_s() const {
    return static_cast<double>(segments.front().first_pts()) / static_cast<double>(timescale);
}

double MadeRendition::end_s() const {
    return static_cast<double>(segments.back().end_pts()) / static_cast<double>(timescale);
}

void MadeRendition::join_to(const std::filesystem::path& path) const {
    std::ofstream out(path, std::ios::binary);
    out << bytes_of(folder / playlist.maps.front().uri);
    for (const auto& s : segments) out << bytes_of(folder / s.file);
    REQUIRE(out.flush());
}

std::string bytes_of(const std::filesystem::path& path) {
    INFO(path.string());
    std::ifstream in(path, std::ios::binary);
    REQUIRE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

formats::m3u8::Multivariant read_multivariant(const std::filesystem::path& folder) {
    auto playlist = must(formats::m3u8::parse(bytes_of(folder / "index.m3u8")));
    REQUIRE(std::holds_alternative<formats::m3u8::Multivariant>(playlist));
    return std::get<formats::m3u8::Multivariant>(std::move(playlist));
}

formats::m3u8::Media read_playlist(const std::filesystem::path& path) {
    auto playlist = must(formats::m3u8::parse(bytes_of(path)));
    REQUIRE(std::holds_alternative<formats::m3u8::Media>(playlist));
    return std::get<formats::m3u8::Media>(std::move(playlist));
}

formats::mpd::Mpd read_mpd(const std::filesystem::path& folder) {
    return must(formats::mpd::parse(bytes_of(folder / "manifest.mpd")));
}

MadeRendition read_rendition(const std::filesystem::path& folder, const std::string& name) {
    MadeRendition made;
    made.name = name;
    made.folder = folder / name;
    made.playlist = read_playlist(made.folder / "index.m3u8");
    REQUIRE(made.playlist.maps.size() == 1);
    made.init =
        must(formats::parse_init(span_of(bytes_of(made.folder / made.playlist.maps.front().uri))));
    REQUIRE(made.init.tracks.size() == 1);
    made.timescale = made.track().timescale;
    REQUIRE(made.timescale > 0);
    for (const auto& s : made.playlist.segments) {
        auto bytes = bytes_of(made.folder / s.uri);
        if (s.range) bytes = bytes.substr(s.range->offset, s.range->bytes);
        auto segment = read_segment(bytes, made.init);
        segment.file = s.uri;
        segment.playlist_us = s.duration_us;
        made.segments.push_back(std::move(segment));
    }
    REQUIRE_FALSE(made.segments.empty());
    return made;
}

std::map<std::string, std::string> digests(const std::filesystem::path& folder) {
    std::map<std::string, std::string> all;
    if (!std::filesystem::exists(folder)) return all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file())
            all[entry.path().lexically_relative(folder).string()] =
                sha256_hex(bytes_of(entry.path()));
    }
    return all;
}

}  // namespace sg::test
