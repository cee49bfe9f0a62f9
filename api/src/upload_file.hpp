#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

#include "tus_headers.hpp"

namespace sg::api {

/// How much of an upload is there and counts; 0 when it has no file yet.
[[nodiscard]] Result<std::uint64_t> stored_bytes(const std::filesystem::path& folder,
                                                 const std::string& id);
/// Its file and what belongs to it.
[[nodiscard]] Status remove_upload_files(const std::filesystem::path& folder,
                                         const std::string& id);
/// As hex. Blocks for as long as it takes to read the file.
[[nodiscard]] Result<std::string> sha256_of_file(const std::filesystem::path& path);

/// An upload's file while bytes are added to its end. All functions block; one thread at a time.
/// Bytes that came with a checksum count when that was checked: a note beside the file, written
/// before them, says from where on they do not.
class UploadFile {
  public:
    [[nodiscard]] static Result<std::unique_ptr<UploadFile>> open(
        const std::filesystem::path& folder,
        const std::string& id,
        std::optional<TusChecksum> checksum);
    /// What was not committed and had a checksum is cut off again.
    ~UploadFile();

    /// Its length.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    /// An error leaves what could be written; offset() tells.
    [[nodiscard]] Status append(std::string_view bytes);
    /// Checks the checksum (kMismatch: the bytes are cut off) and syncs to disk.
    [[nodiscard]] Status commit();

  private:
    struct Digest;
    UploadFile();
    [[nodiscard]] Status cut_back();

    std::filesystem::path path_;
    std::filesystem::path note_;
    UniqueFd file_;
    std::uint64_t start_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t flushed_ = 0;
    std::optional<TusChecksum> checksum_;
    std::unique_ptr<Digest> digest_;
};

}  // namespace sg::api
