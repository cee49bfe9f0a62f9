#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <jobs/fetch.hpp>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <base/file.hpp>
#include <protocols/http_client.hpp>

namespace sg::jobs {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenReports{250};
constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr std::size_t kMaxTagBytes = 4096;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return value;
}

struct ContentRange {
    std::uint64_t first = 0;
    std::optional<std::uint64_t> total;
};

/// RFC 9110 §14.4: "bytes 100-199/200", "bytes 100-199/*".
std::optional<ContentRange> content_range(std::string_view text) {
    if (!text.starts_with("bytes ")) return std::nullopt;
    text.remove_prefix(6);
    const auto dash = text.find('-');
    const auto slash = text.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash)
        return std::nullopt;
    const auto first = number(text.substr(0, dash));
    if (!first) return std::nullopt;
    return ContentRange{*first, number(text.substr(slash + 1))};
}

/// Only a strong one promises that bytes are the same (RFC 9110 §8.8.1).
std::string strong_tag(const protocols::HttpHeaders& headers) {
    const auto* tag = protocols::find_header(headers, "etag");
    const bool strong = tag != nullptr && tag->size() > 2 && tag->front() == '"' &&
                        tag->back() == '"' && tag->size() <= kMaxTagBytes;
    return strong ? *tag : std::string();
}

class Download {
  public:
    Download(const std::string& url,
             const fs::path& file,
             const FetchOptions& options,
             std::stop_token stop)
        : url_(url),
          name_(protocols::printable_url(url)),
          file_(file),
          part_(file.string() + ".part"),
          tag_file_(file.string() + ".part.tag"),
          options_(options),
          stop_(std::move(stop)),
          client_(limits(options), {options.allow_private_addresses}) {}

    Result<Fetched> run() {
        SG_TRY(protocols::check_http_url(url_, {options_.allow_private_addresses}));
        SG_TRY(open_part());
        std::uint64_t best = have_;
        for (int barren = 0;;) {
            const auto before = have_;
            auto read = attempt();
            if (read) break;
            if (read.error().code == Errc::kNoSpace || read.error().code == Errc::kLimit) discard();
            if (!std::exchange(again_, false)) return std::move(read).error();
            barren = have_ > best ? 0 : barren + 1;
            best = std::max(best, have_);
            if (barren >= options_.attempts) return std::move(read).error();
            if (have_ > before && !tag_.empty()) ++done_.resumed;
            SG_TRY(pause(barren));
        }
        return finish();
    }

  private:
    static protocols::HttpLimits limits(const FetchOptions& options) {
        protocols::HttpLimits limits;
        limits.connect = options.connect;
        limits.silence = options.silence;
        limits.total = std::chrono::milliseconds(0);
        return limits;
    }
    [[nodiscard]] Error fail(Errc code, const std::string& why) const {
        return Error{code, fmt::format("fetch {}: {}", name_, why)};
    }

    Status open_part() {
        fd_.reset(
            ::open(part_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
        if (!fd_.valid()) return errno_error(errno, "make " + part_.string());
        struct stat about {};
        if (::fstat(fd_.get(), &about) != 0 || !S_ISREG(about.st_mode))
            return fail(Errc::kIo, part_.string() + " is not a file");
        if (auto tag = read_file(tag_file_, kMaxTagBytes); tag && !tag->empty()) {
            tag_ = *tag;
            have_ = static_cast<std::uint64_t>(about.st_size);
            if (have_ > 0) ++done_.resumed;
            return {};
        }
        return start_over();
    }

    Status start_over() {
        tag_.clear();
        have_ = 0;
        std::error_code ignored;
        fs::remove(tag_file_, ignored);
        if (::ftruncate(fd_.get(), 0) != 0) return errno_error(errno, "empty " + part_.string());
        return {};
    }

    Status attempt() {
        protocols::HttpRequest request;
        request.url = url_;
        request.max_bytes = UINT64_MAX;
        request.any_status = true;
        if (tag_.empty() && have_ > 0) SG_TRY(start_over());
        if (have_ > 0) {
            request.headers.emplace_back("Range", fmt::format("bytes={}-", have_));
            request.headers.emplace_back("If-Range", tag_);
        }
        total_.reset();
        auto answer = client_.get(
            request,
            [this](std::span<const std::byte> bytes) { return take(bytes); },
            stop_,
            [this](const protocols::HttpHead& head) { return begin(head); });
        if (!answer) {
            const auto code = answer.error().code;
            again_ = again_ || code == Errc::kIo || code == Errc::kTimeout;
            if (failed_here_) again_ = false;
            return std::move(answer).error();
        }
        done_.url = protocols::printable_url(answer->url);
        if (total_ && have_ != *total_) {
            again_ = have_ < *total_;
            return fail(Errc::kBadData,
                        fmt::format("the server said {} bytes and sent {}", *total_, have_));
        }
        return {};
    }

    Status begin(const protocols::HttpHead& head) {
        if (head.status == 416) {
            // What is there is not the beginning of what the server has.
            SG_TRY(start_over());
            again_ = true;
            return fail(Errc::kIo, "the server has less than was read before (416)");
        }
        SG_TRY(check_status(head.status));
        if (head.status == 206) {
            const auto* text = protocols::find_header(head.headers, "content-range");
            const auto range = text != nullptr ? content_range(*text) : std::nullopt;
            if (!range || range->first != have_) {
                SG_TRY(start_over());
                again_ = true;
                return fail(Errc::kIo, "the server sent another range than was asked for");
            }
            total_ = range->total;
        } else {
            SG_TRY(start_over());
            if (const auto* length = protocols::find_header(head.headers, "content-length"))
                total_ = number(*length);
        }
        const auto tag = strong_tag(head.headers);
        if (tag != tag_) {
            tag_ = tag;
            std::error_code ignored;
            if (tag.empty())
                fs::remove(tag_file_, ignored);
            else
                SG_TRY(here(write_file_atomic(tag_file_, tag, Durability::kNone)));
        }
        if (const auto* shown = protocols::find_header(head.headers, "etag")) done_.etag = *shown;
        return check_room();
    }

    Status check_status(int status) {
        switch (status) {
            case 200:
                return {};
            case 206:
                if (have_ > 0) return {};
                break;
            case 404:
            case 410:
                return fail(Errc::kNotFound,
                            fmt::format("the server has no such object ({})", status));
            case 401:
            case 403:
                return fail(Errc::kPermission,
                            fmt::format("the server does not allow it ({})", status));
            default:
                break;
        }
        again_ = status == 408 || status == 425 || status == 429 || status >= 500;
        return fail(Errc::kBadData, fmt::format("the server answered {}", status));
    }

    Status check_room() {
        if (!total_) return {};
        if (*total_ > options_.max_bytes) return too_large();
        struct statvfs room {};
        if (::fstatvfs(fd_.get(), &room) != 0) return {};
        const std::uint64_t free = room.f_bavail * room.f_frsize;
        if (*total_ > have_ && *total_ - have_ > free)
            return here(fail(Errc::kNoSpace,
                             fmt::format("{} bytes are to come, and {} are free in {}; make room",
                                         *total_ - have_,
                                         free,
                                         file_.parent_path().string())));
        return {};
    }

    [[nodiscard]] Error too_large() const {
        return fail(Errc::kLimit,
                    fmt::format("it is larger than {} bytes, the most that is fetched",
                                options_.max_bytes));
    }

    Status take(std::span<const std::byte> bytes) {
        if (bytes.size() > options_.max_bytes - std::min(have_, options_.max_bytes))
            return too_large();
        std::size_t written = 0;
        while (written < bytes.size()) {
            const auto n = ::pwrite(fd_.get(),
                                    bytes.data() + written,
                                    bytes.size() - written,
                                    static_cast<off_t>(have_));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return here(errno_error(errno, "write " + part_.string()));
            written += static_cast<std::size_t>(n);
            have_ += static_cast<std::uint64_t>(n);
        }
        report(false);
        return {};
    }

    /// Marks an error as ours: asking the server again does not help.
    Status here(Status status) {
        failed_here_ = failed_here_ || !status;
        return status;
    }

    void report(bool last) {
        const auto now = Steady::now();
        if (!options_.progress || (!last && now - reported_ < kBetweenReports)) return;
        reported_ = now;
        options_.progress({have_, total_});
    }

    Status pause(int barren) {
        if (barren == 0) return {};
        auto length = options_.pause;
        for (int i = 1; i < barren && length < kLongestPause; ++i) length *= 2;
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any never;
        never.wait_for(lock, stop_, std::min(length, kLongestPause), [] { return false; });
        if (stop_.stop_requested()) return fail(Errc::kCancelled, "stopped");
        return {};
    }

    void discard() {
        std::error_code ignored;
        fs::remove(part_, ignored);
        fs::remove(tag_file_, ignored);
    }

    Result<Fetched> finish() {
        report(true);
        if (::fsync(fd_.get()) != 0) return errno_error(errno, "write " + part_.string());
        if (::rename(part_.c_str(), file_.c_str()) != 0)
            return errno_error(errno, "rename to " + file_.string());
        SG_TRY(sync_folder(file_.parent_path().empty() ? fs::path(".") : file_.parent_path()));
        std::error_code ignored;
        fs::remove(tag_file_, ignored);
        done_.bytes = have_;
        return done_;
    }

    const std::string& url_;
    const std::string name_;
    const fs::path file_;
    const fs::path part_;
    const fs::path tag_file_;
    const FetchOptions& options_;
    const std::stop_token stop_;
    const protocols::HttpClient client_;
    UniqueFd fd_;
    std::string tag_;  ///< of what is in the part; empty: it cannot be gone on with
    std::uint64_t have_ = 0;
    std::optional<std::uint64_t> total_;
    bool again_ = false;  ///< the last attempt's error may go away
    bool failed_here_ = false;
    Steady::time_point reported_{};
    Fetched done_;
};

}  // namespace

Result<Fetched> fetch(const std::string& url,
                      const fs::path& file,
                      const FetchOptions& options,
                      std::stop_token stop) {
    return Download(url, file, options, std::move(stop)).run();
}

}  // namespace sg::jobs
