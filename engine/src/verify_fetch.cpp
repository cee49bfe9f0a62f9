#include "verify_fetch.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <base/file.hpp>

#include "verify_http.hpp"
#include "verify_names.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 3> kManifestNames{"index.m3u8", "index-ts.m3u8", "manifest.mpd"};
/// Below this reading costs less than mapping.
constexpr std::uint64_t kMapFrom = 256 << 10;
constexpr std::size_t kMaxListed = 1'000'000;

Error too_large(const std::string& name, std::size_t max_bytes) {
    return Error{Errc::kLimit,
                 fmt::format("read {}: it is larger than {} bytes, which are the most that is read",
                             name,
                             max_bytes)};
}

Error short_object(const std::string& name, const ByteRange& range) {
    return Error{Errc::kMismatch,
                 fmt::format("read {}: it ends before byte {} of range {}@{}",
                             name,
                             range.offset + range.bytes,
                             range.bytes,
                             range.offset)};
}

class FolderFetcher final : public Fetcher {
  public:
    explicit FolderFetcher(fs::path folder) : folder_(std::move(folder)) {}

    [[nodiscard]] const std::string& root() const override { return root_; }
    [[nodiscard]] std::string base_of(const std::string& name) const override { return name; }

    [[nodiscard]] Status read(const std::string& name,
                              std::optional<ByteRange> range,
                              std::size_t max_bytes,
                              ObjectBytes& out) const override {
        // Without O_NONBLOCK a pipe under a segment's name would hold us up for ever.
        SG_TRY_ASSIGN(const auto fd, open_file(folder_ / name, O_RDONLY | O_NONBLOCK));
        struct stat facts {};
        if (::fstat(fd.get(), &facts) != 0) return errno_error(errno, "read " + name);
        if (!S_ISREG(facts.st_mode))
            return Error{Errc::kBadData, fmt::format("read {}: it is not a regular file", name)};
        const auto size = static_cast<std::uint64_t>(facts.st_size);
        const auto wanted = range.value_or(ByteRange{0, size});
        if (wanted.bytes > max_bytes) return too_large(name, max_bytes);
        if (wanted.offset > size || wanted.bytes > size - wanted.offset)
            return short_object(name, wanted);
        if (wanted.bytes >= kMapFrom && out.map(fd.get(), wanted)) return {};
        std::vector<std::byte> bytes(static_cast<std::size_t>(wanted.bytes));
        SG_TRY_ASSIGN(const auto got, read_at(fd.get(), wanted.offset, bytes, name));
        if (got != bytes.size()) return short_object(name, wanted);
        out.hold(std::move(bytes));
        return {};
    }

    [[nodiscard]] std::optional<std::vector<std::string>> list(
        const std::string& folder) const override {
        std::vector<std::string> names;
        std::error_code ec;
        for (fs::directory_iterator at(folder_ / folder, ec), end;
             !ec && at != end && names.size() < kMaxListed;
             at.increment(ec)) {
            std::error_code kind_ec;
            if (at->is_regular_file(kind_ec)) names.push_back(at->path().filename().string());
        }
        if (ec) return std::nullopt;
        std::sort(names.begin(), names.end());
        return names;
    }

  private:
    fs::path folder_;
    std::string root_;
};

class HttpFetcher final : public Fetcher {
  public:
    HttpFetcher(std::string root, std::unique_ptr<HttpGetter> getter, std::stop_token stop)
        : root_(std::move(root)), getter_(std::move(getter)), stop_(std::move(stop)) {}

    [[nodiscard]] const std::string& root() const override { return root_; }

    [[nodiscard]] Status read(const std::string& name,
                              std::optional<ByteRange> range,
                              std::size_t max_bytes,
                              ObjectBytes& out) const override {
        if (range && range->bytes > max_bytes) return too_large(name, max_bytes);
        if (range && range->bytes == 0) {
            out.hold({});
            return {};
        }
        protocols::HttpRequest request;
        request.url = url_of(name);
        request.max_bytes = max_bytes;
        if (range) request.range = {range->offset, range->bytes};
        SG_TRY_ASSIGN(const auto object, getter_->get(request, stop_));
        if (range && object.bytes != range->bytes) return short_object(name, *range);
        if (max_bytes == kMaxManifestBytes && object.url != request.url) note(name, object.url);
        if (object.bytes > 0 && out.map(object.file.get(), {0, object.bytes})) return {};
        std::vector<std::byte> bytes(object.bytes);
        SG_TRY_ASSIGN(const auto got, read_at(object.file.get(), 0, bytes, name));
        bytes.resize(got);
        out.hold(std::move(bytes));
        return {};
    }

    [[nodiscard]] std::string base_of(const std::string& name) const override {
        const std::lock_guard lock(mutex_);
        const auto moved = moved_.find(name);
        return moved == moved_.end() ? name : moved->second;
    }

    [[nodiscard]] std::optional<std::vector<std::string>> list(const std::string&) const override {
        return std::nullopt;
    }

  private:
    [[nodiscard]] std::string url_of(const std::string& name) const {
        return origin_of(name).empty() ? root_ + name : name;
    }
    void note(const std::string& name, const std::string& url) const {
        const std::lock_guard lock(mutex_);
        moved_[name] = url.starts_with(root_) ? url.substr(root_.size()) : url;
    }

    std::string root_;
    std::unique_ptr<HttpGetter> getter_;
    std::stop_token stop_;
    mutable std::mutex mutex_;
    mutable std::map<std::string, std::string> moved_;  ///< manifests that were redirected
};

Result<Opened> find_manifests(Opened opened,
                              const std::string& location,
                              const std::string& given) {
    ObjectBytes bytes;
    if (!given.empty()) {
        SG_TRY(opened.fetcher->read(given, std::nullopt, kMaxManifestBytes, bytes));
        opened.manifests.push_back(given);
        return opened;
    }
    std::optional<Error> trouble;
    for (const char* name : kManifestNames) {
        auto status = opened.fetcher->read(name, std::nullopt, kMaxManifestBytes, bytes);
        if (status) {
            opened.manifests.emplace_back(name);
            continue;
        }
        const auto code = status.error().code;
        if (code == Errc::kCancelled || code == Errc::kTimeout) return status.error();
        // Object stores say "forbidden" of what is not there: it counts only when nothing else is
        // found.
        if (code != Errc::kNotFound && !trouble) trouble = status.error();
    }
    if (opened.manifests.empty()) {
        if (trouble) return *trouble;
        return Error{Errc::kNotFound,
                     fmt::format("verify {}: there is no index.m3u8 and no manifest.mpd; give a "
                                 "folder that streamgate wrote, or the manifest itself",
                                 origin_of(location).empty() ? location
                                                             : protocols::printable_url(location))};
    }
    return opened;
}

bool names_manifest(std::string_view path) {
    return path.ends_with(".m3u8") || path.ends_with(".mpd");
}

}  // namespace

void ObjectBytes::clear() {
    if (mapping_ != nullptr) ::munmap(mapping_, mapped_bytes_);
    mapping_ = nullptr;
    held_.clear();
    view_ = {};
}

void ObjectBytes::hold(std::vector<std::byte> bytes) {
    clear();
    held_ = std::move(bytes);
    view_ = held_;
}

bool ObjectBytes::map(int fd, const ByteRange& range) {
    clear();
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto lead = range.offset % page;
    const std::size_t bytes = range.bytes + lead;
    void* at =
        ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, static_cast<off_t>(range.offset - lead));
    if (at == MAP_FAILED) return false;
    mapping_ = at;
    mapped_bytes_ = bytes;
    view_ = std::span(static_cast<const std::byte*>(at), bytes).subspan(lead);
    return true;
}

Result<Opened> open_location(const std::string& location,
                             std::unique_ptr<HttpGetter> getter,
                             std::stop_token stop) {
    Opened opened;
    const auto origin = origin_of(location);
    if (!origin.empty()) {
        const auto path = location.substr(0, location.find_first_of("?#"));
        const bool manifest = names_manifest(path);
        auto root = path.size() == origin.size() ? path + "/" : path;
        if (manifest) root.erase(root.rfind('/') + 1);
        if (!root.ends_with('/')) root += '/';
        const auto query = location.substr(path.size(), location.find('#') - path.size());
        opened.fetcher = std::make_unique<HttpFetcher>(root, std::move(getter), std::move(stop));
        return find_manifests(std::move(opened),
                              location,
                              manifest ? path.substr(root.size()) + query : std::string());
    }
    std::error_code ec;
    const fs::path path(location);
    if (fs::is_directory(path, ec)) {
        opened.fetcher = std::make_unique<FolderFetcher>(path);
        return find_manifests(std::move(opened), location, {});
    }
    if (!fs::exists(path, ec))
        return Error{Errc::kNotFound, fmt::format("verify {}: no such file or folder", location)};
    const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    opened.fetcher = std::make_unique<FolderFetcher>(folder);
    return find_manifests(std::move(opened), location, path.filename().string());
}

}  // namespace sg::engine
