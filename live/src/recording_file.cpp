#include "recording_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <base/log.hpp>
#include <formats/bmff_reader.hpp>
#include <formats/bmff_writer.hpp>

#include "dvr_track.hpp"
#include "fragment_rewrite.hpp"

namespace sg::live {
namespace {

constexpr std::int64_t kLeadUs = 1'000'000;
constexpr auto kSyncEvery = std::chrono::seconds(10);
constexpr const char* kBegun = "recording.mp4.part";

/// 20260131T120000Z
std::string name_of(packagers::WallTime time) {
    std::string text = rfc3339(time);
    text.resize(text.find('.'));
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text + 'Z';
}

std::int64_t ticks(std::int64_t us, std::uint32_t timescale) {
    const std::int64_t scale = timescale;
    return us / 1'000'000 * scale + us % 1'000'000 * scale / 1'000'000;
}

Result<std::vector<std::byte>> header(const RecordingPlan& plan) {
    std::vector<formats::InitTrack> tracks;
    for (const auto& init : plan.tracks) {
        SG_TRY_ASSIGN(const auto movie, formats::parse_init(*init->bytes));
        if (movie.tracks.empty())
            return Error{Errc::kInternal, "record: an init segment without a track"};
        formats::InitTrack track;
        track.id = static_cast<std::uint32_t>(tracks.size() + 1);
        track.timescale = init->description.timescale;
        SG_TRY_ASSIGN(track.config, formats::codec_config_of(movie.tracks.front()));
        track.language = init->description.language;
        track.edit_media_time = ticks(kLeadUs, track.timescale);
        tracks.push_back(std::move(track));
    }
    std::vector<std::byte> bytes;
    SG_TRY(formats::append_init_segment(tracks, bytes));
    return bytes;
}

}  // namespace

RecordingFile::~RecordingFile() {
    close();
}

/// Under a name of its own when it has media: a kill before leaves nothing that does not play.
Status RecordingFile::open() {
    SG_TRY_ASSIGN(const auto bytes, header(plan_));
    SG_TRY(make_folders(plan_.folder));
    // Always the same: what a killed process left is replaced.
    name_ = (plan_.folder / kBegun).string();
    SG_TRY_ASSIGN(fd_, open_file(name_, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW));
    const std::span<const std::byte> piece(bytes);
    SG_TRY(write_pieces_at(fd_.get(), 0, std::span(&piece, 1), name_));
    bytes_ = bytes.size();
    synced_ = clock_.now();
    return {};
}

Status RecordingFile::give_name() {
    const std::string base = name_of(plan_.begins);
    std::filesystem::path path = plan_.folder / (base + ".mp4");
    std::error_code failed;
    for (int n = 2; std::filesystem::exists(path, failed); ++n)
        path = plan_.folder / fmt::format("{}-{}.mp4", base, n);
    if (::rename(name_.c_str(), path.c_str()) != 0)
        return errno_error(errno, "rename to " + path.string());
    name_ = path.string();
    log::info("recording_open file={}", name_);
    return {};
}

Status RecordingFile::append(std::size_t track, const packagers::LiveSegment& segment) {
    if (fd_.valid()) return add(track, segment);
    auto status = open();
    if (status) status = add(track, segment);
    if (status) status = give_name();
    if (!status && fd_.valid()) {
        fd_.reset();
        std::error_code ignored;
        std::filesystem::remove(name_, ignored);
    }
    return status;
}

Status RecordingFile::add(std::size_t track, const packagers::LiveSegment& segment) {
    buffer_.clear();
    buffer_.reserve(segment.bytes());
    for (const auto& part : segment.parts) {
        // A file has no types of segments.
        std::span<const std::byte> bytes(*part.bytes);
        if (const auto styp = formats::find_box(bytes, formats::fourcc("styp"));
            styp && styp->offset == 0)
            bytes = bytes.subspan(styp->whole.size());
        buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    }
    const auto& description = plan_.tracks[track]->description;
    FragmentEdit edit;
    edit.track_id = static_cast<std::uint32_t>(track + 1);
    edit.earlier = description.offset + ticks(plan_.origin_us - kLeadUs, description.timescale);
    SG_TRY(rewrite_fragments(buffer_, edit, sequence_));
    const std::span<const std::byte> piece(buffer_);
    SG_TRY(write_pieces_at(fd_.get(), bytes_, std::span(&piece, 1), name_));
    bytes_ += buffer_.size();
    const auto now = clock_.now();
    if (now - synced_ >= kSyncEvery) {
        synced_ = now;
        if (::fdatasync(fd_.get()) != 0) return errno_error(errno, "write " + name_);
    }
    return {};
}

void RecordingFile::close() {
    if (!fd_.valid()) return;
    (void)::fdatasync(fd_.get());
    log::info("recording_closed file={} bytes={}", name_, bytes_);
    fd_.reset();
}

}  // namespace sg::live
