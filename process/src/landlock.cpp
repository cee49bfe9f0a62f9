#include "landlock.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/syscall.h>

#include <base/file.hpp>

namespace sg::process {
namespace {

// Of linux/landlock.h, which in Debian 12 knows the second version only.
constexpr std::uint64_t kExecute = 1U << 0U;
constexpr std::uint64_t kWriteFile = 1U << 1U;
constexpr std::uint64_t kReadFile = 1U << 2U;
constexpr std::uint64_t kReadDir = 1U << 3U;
constexpr std::uint64_t kRemoveDir = 1U << 4U;
constexpr std::uint64_t kRemoveFile = 1U << 5U;
constexpr std::uint64_t kMakeDir = 1U << 7U;
constexpr std::uint64_t kMakeReg = 1U << 8U;
constexpr std::uint64_t kFirstVersion = (1U << 13U) - 1;
constexpr std::uint64_t kRefer = 1U << 13U;        // version 2
constexpr std::uint64_t kTruncate = 1U << 14U;     // version 3
constexpr std::uint64_t kDeviceIoctl = 1U << 15U;  // version 5
constexpr std::uint64_t kBindTcp = 1U << 0U;       // version 4
constexpr std::uint64_t kConnectTcp = 1U << 1U;
constexpr std::uint64_t kScopeAbstractUnix = 1U << 0U;  // version 6
constexpr std::uint64_t kScopeSignal = 1U << 1U;

struct Ruleset {
    std::uint64_t files = 0;
    std::uint64_t net = 0;
    std::uint64_t scoped = 0;
};
struct __attribute__((packed)) PathRule {
    std::uint64_t allowed = 0;
    std::int32_t folder = -1;
};
constexpr int kRulePathBeneath = 1;
constexpr unsigned kCreateRulesetVersion = 1;

std::uint64_t all_files(int version) {
    std::uint64_t rights = kFirstVersion;
    if (version >= 2) rights |= kRefer;
    if (version >= 3) rights |= kTruncate;
    if (version >= 5) rights |= kDeviceIoctl;
    return rights;
}

Status allow(int rules, const std::filesystem::path& path, std::uint64_t rights) {
    const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!fd.valid()) return {};  // nothing there, or not to be seen: nothing to allow
    struct stat about {};
    if (::fstat(fd.get(), &about) != 0) return errno_error(errno, "look at " + path.string());
    if (!S_ISDIR(about.st_mode)) rights &= kExecute | kWriteFile | kReadFile | kTruncate;
    const PathRule rule{rights, fd.get()};
    if (::syscall(SYS_landlock_add_rule, rules, kRulePathBeneath, &rule, 0) != 0)
        return errno_error(errno, "allow " + path.string() + " in the sandbox");
    return {};
}

}  // namespace

int landlock_version() noexcept {
    const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kCreateRulesetVersion);
    return version > 0 ? static_cast<int>(version) : 0;
}

Result<UniqueFd> make_landlock_rules(const LandlockFolders& folders) {
    const int version = landlock_version();
    if (version == 0) return UniqueFd();
    const auto known = all_files(version);
    Ruleset ruleset;
    ruleset.files = known;
    std::size_t size = sizeof ruleset.files;
    if (version >= 4) {
        size += sizeof ruleset.net;
        if (!folders.network) ruleset.net = kBindTcp | kConnectTcp;
    }
    if (version >= 6) {
        size += sizeof ruleset.scoped;
        ruleset.scoped = kScopeSignal | (folders.network ? 0 : kScopeAbstractUnix);
    }
    UniqueFd rules(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, size, 0)));
    if (!rules.valid()) return errno_error(errno, "make the sandbox's file rules");
    const auto read = kReadFile | kReadDir | (folders.programs ? kExecute : 0);
    const auto write = (kReadFile | kReadDir | kWriteFile | kRemoveDir | kRemoveFile | kMakeDir |
                        kMakeReg | kRefer | kTruncate) &
                       known;
    for (const auto& path : folders.read) SG_TRY(allow(rules.get(), path, read));
    for (const auto& path : folders.write) SG_TRY(allow(rules.get(), path, write));
    for (const char* device : {"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"})
        SG_TRY(allow(rules.get(), device, kReadFile | kWriteFile));
    return rules;
}

Status enter_landlock(int rules) {
    if (::syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        return errno_error(errno, "enter the sandbox's file rules");
    return {};
}

}  // namespace sg::process
