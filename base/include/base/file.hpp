#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg {

/// An Error for a failed system call: "write out/seg-1.m4s: no space left on device". Maps ENOSPC,
/// EDQUOT, EACCES, ENOENT...
[[nodiscard]] Error errno_error(int err, const std::string& attempted);

/// Opens with O_CLOEXEC. `mode` counts only when the file is created.
[[nodiscard]] Result<UniqueFd> open_file(const std::filesystem::path& path,
                                         int flags,
                                         unsigned mode = 0644);

/// The whole file; kLimit when it is larger than `max_bytes`.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t max_bytes);

/// Writes every byte, going on after short writes and EINTR. `name` is for the error text.
[[nodiscard]] Status write_all(int fd, std::span<const std::byte> bytes, const std::string& name);

/// Fills `into` from `offset`; the count is short only at the end of the file.
[[nodiscard]] Result<std::size_t> read_at(int fd,
                                          std::uint64_t offset,
                                          std::span<std::byte> into,
                                          const std::string& name);

enum class Durability { kNone, kFsync };

/// Writes beside the target under a temporary name, then renames: a reader sees the old file or the
/// new one, never half. One writer of a target at a time. With kFsync the bytes and the folder
/// entry are on disk when it returns.
[[nodiscard]] Status write_file_atomic(const std::filesystem::path& path,
                                       std::string_view text,
                                       Durability durability);

/// fsync on a folder, so that renames inside it survive a crash of the machine.
[[nodiscard]] Status sync_folder(const std::filesystem::path& folder);

/// mkdir -p with an Error instead of an exception.
[[nodiscard]] Status make_folders(const std::filesystem::path& folder);

}  // namespace sg
