#include "upload_file.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <sys/stat.h>

#include <base/digest.hpp>
#include <base/file.hpp>

namespace sg::api {
namespace {

constexpr std::uint64_t kFlushEvery = 8U << 20U;
constexpr std::size_t kReadBytes = 1U << 20U;

std::filesystem::path note_of(const std::filesystem::path& folder, const std::string& id) {
    return folder / (id + ".unchecked");
}

/// From where on bytes do not count; nothing without a note.
Result<std::optional<std::uint64_t>> unchecked_from(const std::filesystem::path& note) {
    const auto text = read_file(note, 64);
    if (!text) {
        if (text.error().code == Errc::kNotFound) return std::optional<std::uint64_t>();
        return text.error();
    }
    // A note that is torn was written just before any of its bytes: it is not, it is renamed.
    return parse_tus_number(*text);
}

}  // namespace

struct UploadFile::Digest {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    explicit Digest(TusChecksum::Algorithm algorithm) {
        EVP_DigestInit_ex(context,
                          algorithm == TusChecksum::Algorithm::kSha1 ? EVP_sha1() : EVP_sha256(),
                          nullptr);
    }
    ~Digest() { EVP_MD_CTX_free(context); }
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;

    void add(std::string_view bytes) { EVP_DigestUpdate(context, bytes.data(), bytes.size()); }
    std::string finish() {
        std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
        unsigned size = 0;
        EVP_DigestFinal_ex(context, out.data(), &size);
        return {reinterpret_cast<const char*>(out.data()), size};
    }
};

Result<std::uint64_t> stored_bytes(const std::filesystem::path& folder, const std::string& id) {
    struct stat info {};
    const auto path = folder / id;
    if (::stat(path.c_str(), &info) != 0) {
        if (errno == ENOENT) return std::uint64_t{0};
        return errno_error(errno, "look at " + path.string());
    }
    const auto length = static_cast<std::uint64_t>(info.st_size);
    SG_TRY_ASSIGN(const auto from, unchecked_from(note_of(folder, id)));
    return std::min(length, from.value_or(length));
}

Status remove_upload_files(const std::filesystem::path& folder, const std::string& id) {
    const auto note = note_of(folder, id);
    // The last is the note of a process that was killed while it wrote it.
    for (const auto& path : {folder / id, note, std::filesystem::path(note.string() + ".part")}) {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
            return errno_error(errno, "remove " + path.string());
        }
    }
    return {};
}

Result<std::string> sha256_of_file(const std::filesystem::path& path) {
    SG_TRY_ASSIGN(const auto file, open_file(path, O_RDONLY));
    Sha256 digest;
    std::vector<std::byte> buffer(kReadBytes);
    for (std::uint64_t offset = 0;;) {
        SG_TRY_ASSIGN(const auto bytes, read_at(file.get(), offset, buffer, path.string()));
        if (bytes == 0) return digest.finish_hex();
        digest.update(std::span<const std::byte>(buffer).first(bytes));
        offset += bytes;
    }
}

UploadFile::UploadFile() = default;

Result<std::unique_ptr<UploadFile>> UploadFile::open(const std::filesystem::path& folder,
                                                     const std::string& id,
                                                     std::optional<TusChecksum> checksum) {
    std::unique_ptr<UploadFile> out(new UploadFile());
    out->path_ = folder / id;
    out->note_ = note_of(folder, id);
    SG_TRY_ASSIGN(const auto counts, stored_bytes(folder, id));
    const bool fresh = ::access(out->path_.c_str(), F_OK) != 0;
    SG_TRY_ASSIGN(out->file_, open_file(out->path_, O_RDWR | O_CREAT, 0600));
    if (fresh) SG_TRY(sync_folder(folder));
    out->start_ = counts;
    SG_TRY(out->cut_back());
    if (checksum) {
        SG_TRY(write_file_atomic(out->note_, std::to_string(counts), Durability::kFsync));
        out->digest_ = std::make_unique<Digest>(checksum->algorithm);
        out->checksum_ = std::move(checksum);
    }
    return out;
}

UploadFile::~UploadFile() {
    // What fails here is put right when the file is opened again.
    if (checksum_) static_cast<void>(cut_back());
}

Status UploadFile::cut_back() {
    if (::ftruncate(file_.get(), static_cast<off_t>(start_)) != 0) {
        return errno_error(errno, "shorten " + path_.string());
    }
    offset_ = start_;
    flushed_ = start_;
    if (::unlink(note_.c_str()) != 0 && errno != ENOENT) {
        return errno_error(errno, "remove " + note_.string());
    }
    return {};
}

Status UploadFile::append(std::string_view bytes) {
    if (digest_) digest_->add(bytes);
    while (!bytes.empty()) {
        const auto written =
            ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno_error(errno, "write " + path_.string());
        offset_ += static_cast<std::uint64_t>(written);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (offset_ - flushed_ >= kFlushEvery) {
        // So that the sync at the end has little left to do.
        ::sync_file_range(file_.get(),
                          static_cast<off_t>(flushed_),
                          static_cast<off_t>(offset_ - flushed_),
                          SYNC_FILE_RANGE_WRITE);
        flushed_ = offset_;
    }
    return {};
}

Status UploadFile::commit() {
    if (checksum_ && !equal_in_constant_time(digest_->finish(), checksum_->digest)) {
        checksum_.reset();
        SG_TRY(cut_back());
        return Error{Errc::kMismatch,
                     "the bytes are not those of Upload-Checksum; send them again from the same "
                     "offset"};
    }
    if (::fdatasync(file_.get()) != 0) return errno_error(errno, "sync " + path_.string());
    if (checksum_) {
        checksum_.reset();
        if (::unlink(note_.c_str()) != 0 && errno != ENOENT) {
            return errno_error(errno, "remove " + note_.string());
        }
    }
    start_ = offset_;
    return {};
}

}  // namespace sg::api
