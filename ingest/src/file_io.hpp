#pragma once

#include <cstdint>

#include <base/result.hpp>
#include <formats/short_movie.hpp>
#include <media_av/interrupt.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

namespace sg::ingest {

/// Lets libavformat read a descriptor through pread. Pinned in memory: the AVIOContext points back
/// at it.
class FileIo {
  public:
    FileIo(int fd, std::int64_t size, const av::Interrupt& interrupt);
    FileIo(const FileIo&) = delete;
    FileIo& operator=(const FileIo&) = delete;

    [[nodiscard]] Status start(const std::string& name);
    /// Shows this instead of the file's own movie header. It outlives this.
    void show(const formats::ShortMovie& movie) { movie_ = &movie; }
    [[nodiscard]] AVIOContext* context() const { return io_.get(); }
    [[nodiscard]] std::int64_t size() const { return size_; }
    [[nodiscard]] std::int64_t offset() const { return offset_; }
    /// errno of a read that failed, 0 when none did.
    [[nodiscard]] int read_error() const { return read_error_; }
    /// The file ended before the size that it had when it was opened.
    [[nodiscard]] bool shrank() const { return shrank_; }

  private:
    static int read(void* self, std::uint8_t* into, int size);
    static std::int64_t seek(void* self, std::int64_t offset, int whence);

    /// Bytes given from the shown header; 0 where the file's own count. `size` is cut off before
    /// it.
    int read_shown(std::uint8_t* into, int& size);

    int fd_;
    std::int64_t size_;
    const av::Interrupt& interrupt_;
    std::int64_t offset_ = 0;
    int read_error_ = 0;
    bool shrank_ = false;
    const formats::ShortMovie* movie_ = nullptr;
    av::IoPtr io_;
};

}  // namespace sg::ingest
