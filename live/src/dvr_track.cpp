#include "dvr_track.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/uio.h>

#include <base/file.hpp>
#include <packagers/live_hls.hpp>

namespace sg::live {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPieces = 512;

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

}  // namespace

Status write_pieces_at(int fd,
                       std::uint64_t offset,
                       std::span<const std::span<const std::byte>> pieces,
                       const std::string& name) {
    std::uint64_t at = offset;
    std::size_t next = 0;
    std::size_t skip = 0;  // of the next piece: written already
    while (next < pieces.size()) {
        std::vector<iovec> vectors;
        for (std::size_t i = next; i < pieces.size() && vectors.size() < kMaxPieces; ++i) {
            const auto piece = i == next ? pieces[i].subspan(skip) : pieces[i];
            vectors.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
        }
        const ssize_t count =
            ::pwritev(fd, vectors.data(), static_cast<int>(vectors.size()), static_cast<off_t>(at));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            const int why = errno;
            (void)::ftruncate(fd, static_cast<off_t>(offset));
            return errno_error(why, "write " + name);
        }
        at += static_cast<std::uint64_t>(count);
        auto left = static_cast<std::size_t>(count);
        while (next < pieces.size() && left >= pieces[next].size() - skip) {
            left -= pieces[next].size() - skip;
            skip = 0;
            ++next;
        }
        skip += left;
    }
    return {};
}

Status DvrTrack::open(const packagers::LiveSegment& segment) {
    SG_TRY(make_folders(config_.folder));
    auto path = config_.folder / fmt::format("{}-{}", config_.rendition, segment.number);
    path += kDvrMediaExtension;
    auto file = std::make_shared<StoredFile>();
    SG_TRY_ASSIGN(file->fd, open_file(path, O_RDWR | O_CREAT | O_EXCL));
    auto index_path = path;
    index_path.replace_extension(kDvrIndexExtension);
    auto index = open_file(index_path, O_WRONLY | O_CREAT | O_EXCL);
    const std::string head = dvr_head_line(*segment.init);
    const std::span<const std::byte> init(*segment.init->bytes);
    const std::span<const std::byte> line = bytes_of(head);
    Status status = index ? Status() : Status(index.error());
    if (status) status = write_pieces_at(file->fd.get(), 0, std::span(&init, 1), path.string());
    if (status) status = write_pieces_at(index->get(), 0, std::span(&line, 1), index_path.string());
    if (!status) {
        // Names are tried again for the next segment only; leave nothing half behind.
        std::error_code ignored;
        fs::remove(path, ignored);
        fs::remove(index_path, ignored);
        return status;
    }
    media_ = std::move(path);
    init_ = segment.init;
    file_ = std::move(file);
    index_ = std::move(*index);
    bytes_ = init.size();
    index_bytes_ = head.size();
    began_us_ = total_us_;
    return {};
}

void DvrTrack::close() {
    if (!file_) return;
    past_.push_back({std::move(media_), total_us_});
    // Those who refer to its segments keep it open.
    file_.reset();
    index_.reset();
}

void DvrTrack::expire() {
    while (config_.keep_us > 0 && !past_.empty() &&
           total_us_ - past_.front().end_us > config_.keep_us) {
        std::error_code ignored;
        fs::path file = past_.front().media;
        fs::remove(file, ignored);
        fs::remove(file.replace_extension(kDvrIndexExtension), ignored);
        past_.pop_front();
    }
}

Result<MediaBytes> DvrTrack::append(const packagers::LiveSegment& segment) {
    if (file_ && (init_->description.init_file != segment.init->description.init_file ||
                  total_us_ - began_us_ >= config_.file_us))
        close();
    if (!file_) SG_TRY(open(segment));
    std::vector<std::span<const std::byte>> pieces;
    for (const auto& part : segment.parts) pieces.emplace_back(*part.bytes);
    SG_TRY(write_pieces_at(file_->fd.get(), bytes_, pieces, media_.string()));
    DvrSegment entry;
    entry.segment = segment;
    entry.segment.parts.clear();
    entry.offset = bytes_;
    entry.bytes = segment.bytes();
    entry.samples = segment.samples();
    const std::string line = dvr_segment_line(entry);
    const std::span<const std::byte> text = bytes_of(line);
    SG_TRY(write_pieces_at(
        index_.get(), index_bytes_, std::span(&text, 1), media_.string() + "'s index"));
    index_bytes_ += line.size();
    bytes_ += entry.bytes;
    total_us_ += packagers::live_micros(segment.duration, segment.init->description.timescale);
    expire();
    MediaBytes where;
    where.file = file_;
    where.offset = entry.offset;
    where.bytes = entry.bytes;
    return where;
}

}  // namespace sg::live
