#include "verify_fetch.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <base/file.hpp>
#include <media_av/check.hpp>
#include <media_av/interrupt.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>

#include "verify_names.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 3> kManifestNames{"index.m3u8", "index-ts.m3u8", "manifest.mpd"};
/// One object must be here in this time, however its server dribbles.
constexpr std::chrono::seconds kObjectDeadline{60};
constexpr const char* kSilenceMicros = "15000000";
/// What a server may make us hold at most, in each thread.
constexpr std::size_t kMaxHttpBytes = std::size_t{256} << 20;
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
    HttpFetcher(std::string root, std::stop_token stop)
        : root_(std::move(root)), stop_(std::move(stop)) {}

    [[nodiscard]] const std::string& root() const override { return root_; }

    [[nodiscard]] Status read(const std::string& name,
                              std::optional<ByteRange> range,
                              std::size_t max_bytes,
                              ObjectBytes& out) const override {
        max_bytes = std::min(max_bytes, kMaxHttpBytes);
        if (range && range->bytes > max_bytes) return too_large(name, max_bytes);
        const auto url = origin_of(name).empty() ? root_ + name : name;
        av::Interrupt interrupt(stop_);
        interrupt.set_deadline(av::Interrupt::Clock::now() + kObjectDeadline);
        std::vector<std::byte> bytes;
        auto status = get(url, range, max_bytes, interrupt, bytes);
        if (status) {
            out.hold(std::move(bytes));
            return status;
        }
        // libav calls both of these an interrupted exit.
        if (interrupt.stopped()) return Error{Errc::kCancelled, "read " + url + ": stopped"};
        if (interrupt.expired())
            return Error{
                Errc::kTimeout,
                fmt::format("read {}: not complete after {} s", url, kObjectDeadline.count())};
        return status;
    }

    [[nodiscard]] std::optional<std::vector<std::string>> list(const std::string&) const override {
        return std::nullopt;
    }

  private:
    static Status get(const std::string& url,
                      const std::optional<ByteRange>& range,
                      std::size_t max_bytes,
                      av::Interrupt& interrupt,
                      std::vector<std::byte>& out) {
        av::Dictionary options;
        options.set("protocol_whitelist", "http,https,tcp,tls");
        options.set("rw_timeout", kSilenceMicros);
        options.set("seekable", "0");
        if (range) {
            options.set("offset", std::to_string(range->offset).c_str());
            options.set("end_offset", std::to_string(range->offset + range->bytes).c_str());
        }
        AVIOContext* opened = nullptr;
        const auto callback = interrupt.callback();
        const int rc = avio_open2(&opened, url.c_str(), AVIO_FLAG_READ, &callback, options.inout());
        if (rc == AVERROR_HTTP_NOT_FOUND)
            return Error{Errc::kNotFound, "read " + url + ": the server has no such object (404)"};
        if (rc < 0) return av::av_error(rc, "read " + url);
        struct Close {
            void operator()(AVIOContext* io) const { avio_close(io); }
        };
        const std::unique_ptr<AVIOContext, Close> io(opened);

        out.clear();
        constexpr std::size_t kStep = std::size_t{256} << 10;
        const std::size_t most = range ? static_cast<std::size_t>(range->bytes) : max_bytes;
        while (true) {
            const auto had = out.size();
            // One byte past the limit shows that there is more.
            const auto ask = std::min(kStep, most - had + (range ? 0 : 1));
            if (ask == 0) break;
            out.resize(had + ask);
            const int got = avio_read(io.get(),
                                      reinterpret_cast<unsigned char*>(out.data() + had),
                                      static_cast<int>(ask));
            out.resize(had + static_cast<std::size_t>(std::max(got, 0)));
            if (out.size() > most) return too_large(url, max_bytes);
            if (got == AVERROR_EOF || got == 0) break;
            if (got < 0) return av::av_error(got, "read " + url);
        }
        // A connection that breaks looks like the end.
        if (io->error != 0 && io->error != AVERROR_EOF)
            return av::av_error(io->error, "read " + url);
        if (range && out.size() != range->bytes) return short_object(url, *range);
        return {};
    }

    std::string root_;
    std::stop_token stop_;
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
                                 location)};
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

Result<Opened> open_location(const std::string& location, std::stop_token stop) {
    Opened opened;
    const auto origin = origin_of(location);
    if (!origin.empty()) {
        const auto path = location.substr(0, location.find_first_of("?#"));
        const bool manifest = names_manifest(path);
        auto root = path.size() == origin.size() ? path + "/" : path;
        if (manifest) root.erase(root.rfind('/') + 1);
        if (!root.ends_with('/')) root += '/';
        const auto query = location.substr(path.size(), location.find('#') - path.size());
        opened.fetcher = std::make_unique<HttpFetcher>(root, std::move(stop));
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
