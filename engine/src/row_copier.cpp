#include "row_copier.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>

#include <base/file.hpp>

namespace sg::engine {
namespace {

constexpr std::size_t kWindow = std::size_t{1} << 20;
/// Bytes of other tracks in between are read too, up to so many at a time.
constexpr std::size_t kHole = std::size_t{64} << 10;

iovec piece_of(std::span<const std::byte> bytes) {
    return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

RowCopier::RowCopier(int source, std::string source_name)
    : source_(source), source_name_(std::move(source_name)), window_(kWindow) {}

void RowCopier::list(std::span<const RowSegment> row) {
    items_.clear();
    for (std::uint32_t file = 0; file < row.size(); ++file) {
        const auto& [layout, samples] = row[file].segment;
        std::uint64_t to = 0;
        for (const auto& piece : layout.pieces) {
            auto before = std::span(layout.headers).subspan(piece.header_at, piece.header_bytes);
            for (std::size_t i = piece.first_sample; i < piece.first_sample + piece.samples; ++i) {
                items_.push_back({samples[i].offset, to, before, samples[i].size, file});
                to += before.size() + samples[i].size;
                before = {};
            }
        }
    }
    std::sort(
        items_.begin(), items_.end(), [](const Item& a, const Item& b) { return a.from < b.from; });
}

/// Whole samples from item `first` on; `end` is the first item that is not in the window.
Result<bool> RowCopier::read_window(std::size_t first, std::size_t& end) {
    const auto base = items_[first].from;
    auto reach = base + items_[first].size;
    const auto most = std::max<std::uint64_t>(kWindow, items_[first].size);
    for (end = first + 1; end < items_.size(); ++end) {
        const auto& item = items_[end];
        if (item.from > reach + kHole || item.from + item.size > base + most) break;
        reach = std::max(reach, item.from + item.size);
    }
    const std::size_t bytes = reach - base;
    if (window_.size() < bytes) window_.resize(bytes);
    const auto got = read_at(source_, base, std::span(window_).first(bytes), source_name_);
    return got && *got == bytes;
}

Result<bool> RowCopier::copy(std::span<const RowSegment> row) {
    list(row);
    outputs_.resize(row.size());
    for (std::size_t file = 0; file < row.size(); ++file) {
        SG_TRY_ASSIGN(outputs_[file].fd, open_file(row[file].path, O_WRONLY | O_CREAT | O_TRUNC));
        outputs_[file].at = outputs_[file].next = 0;
        outputs_[file].pieces.clear();
    }
    for (std::size_t first = 0, end = 0; first < items_.size(); first = end) {
        SG_TRY_ASSIGN(const bool whole, read_window(first, end));
        if (!whole) return false;
        for (std::size_t i = first; i < end; ++i) {
            const auto& item = items_[i];
            const auto& segment = row[item.file];
            const auto sample = std::span<const std::byte>(window_).subspan(
                item.from - items_[first].from, item.size);
            if (!packagers::is_clean_sample(segment.codec, segment.nal_length_size, sample))
                return false;
            SG_TRY(gather(outputs_[item.file], segment, item, sample));
        }
        for (std::size_t file = 0; file < row.size(); ++file)
            SG_TRY(flush(outputs_[file], row[file]));
    }
    outputs_.clear();
    return true;
}

Status RowCopier::gather(Output& output,
                         const RowSegment& segment,
                         const Item& item,
                         std::span<const std::byte> sample) {
    if (item.to != output.next) {
        SG_TRY(flush(output, segment));
        output.at = output.next = item.to;
    }
    output.next += item.before.size() + item.size;
    if (!item.before.empty()) output.pieces.push_back(piece_of(item.before));
    if (!output.pieces.empty()) {
        auto& last = output.pieces.back();
        if (static_cast<const std::byte*>(last.iov_base) + last.iov_len == sample.data()) {
            last.iov_len += sample.size();
            return {};
        }
    }
    output.pieces.push_back(piece_of(sample));
    return {};
}

Status RowCopier::flush(Output& output, const RowSegment& segment) {
    auto left = std::span(output.pieces);
    while (!left.empty()) {
        const auto most = std::min<std::size_t>(left.size(), IOV_MAX);
        const auto wrote = ::pwritev(
            output.fd.get(), left.data(), static_cast<int>(most), static_cast<off_t>(output.at));
        if (wrote < 0) {
            if (errno == EINTR) continue;
            return errno_error(errno, "write " + segment.path.string());
        }
        output.at += static_cast<std::uint64_t>(wrote);
        auto done = static_cast<std::size_t>(wrote);
        while (!left.empty() && done >= left.front().iov_len) {
            done -= left.front().iov_len;
            left = left.subspan(1);
        }
        if (done > 0) {
            left.front().iov_base = static_cast<std::byte*>(left.front().iov_base) + done;
            left.front().iov_len -= done;
        }
    }
    output.pieces.clear();
    return {};
}

}  // namespace sg::engine
