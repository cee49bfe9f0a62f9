#include "file_io.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace sg::ingest {
namespace {
constexpr int kBufferBytes = 128 << 10;
}

FileIo::FileIo(int fd, std::int64_t size, const av::Interrupt& interrupt)
    : fd_(fd), size_(size), interrupt_(interrupt) {}

Status FileIo::start(const std::string& name) {
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(kBufferBytes));
    if (buffer != nullptr) {
        io_.reset(avio_alloc_context(buffer, kBufferBytes, 0, this, &read, nullptr, &seek));
        if (!io_) av_free(buffer);
    }
    if (!io_) return Error{Errc::kLimit, "open " + name + ": out of memory"};
    return {};
}

int FileIo::read_shown(std::uint8_t* into, int& size) {
    const auto begin = static_cast<std::int64_t>(movie_->offset);
    const auto end = begin + static_cast<std::int64_t>(movie_->bytes);
    if (offset_ >= end) return 0;
    if (offset_ < begin) {
        size = static_cast<int>(std::min<std::int64_t>(size, begin - offset_));
        return 0;
    }
    const auto header = std::ssize(movie_->header);
    const auto in = offset_ - begin;
    const auto count = std::min<std::int64_t>(size, in < header ? header - in : end - offset_);
    if (in < header)
        std::memcpy(into, movie_->header.data() + in, static_cast<std::size_t>(count));
    else
        std::memset(into, 0, static_cast<std::size_t>(count));
    offset_ += count;
    return static_cast<int>(count);
}

int FileIo::read(void* self, std::uint8_t* into, int size) {
    auto& me = *static_cast<FileIo*>(self);
    for (;;) {
        if (me.interrupt_.stopped() || me.interrupt_.expired()) return AVERROR_EXIT;
        if (me.movie_ != nullptr) {
            if (const int shown = me.read_shown(into, size); shown > 0) return shown;
        }
        const auto got = ::pread(me.fd_, into, static_cast<std::size_t>(size), me.offset_);
        if (got > 0) {
            me.offset_ += got;
            return static_cast<int>(got);
        }
        if (got == 0) {
            if (me.offset_ < me.size_) me.shrank_ = true;
            return AVERROR_EOF;
        }
        if (errno == EINTR) continue;
        me.read_error_ = errno;
        return AVERROR(errno);
    }
}

std::int64_t FileIo::seek(void* self, std::int64_t offset, int whence) {
    auto& me = *static_cast<FileIo*>(self);
    switch (whence & ~AVSEEK_FORCE) {
        case AVSEEK_SIZE:
            return me.size_;
        case SEEK_SET:
            break;
        case SEEK_CUR:
            offset += me.offset_;
            break;
        case SEEK_END:
            offset += me.size_;
            break;
        default:
            return AVERROR(EINVAL);
    }
    if (offset < 0) return AVERROR(EINVAL);
    me.offset_ = offset;
    return offset;
}

}  // namespace sg::ingest
