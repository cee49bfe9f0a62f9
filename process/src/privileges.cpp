#include "privileges.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <base/file.hpp>

namespace sg::process {
namespace {

constexpr int kMostCapabilities = 64;
constexpr int kParentGone = 127;

Status keep_capabilities(std::uint32_t mask) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &header, data.data()) != 0)
        return errno_error(errno, "look at capabilities");
    // A container's root may lack some. Not inheritable: a program it starts has none.
    const auto kept = data[0].permitted & mask;
    data = {};
    data[0].effective = data[0].permitted = kept;
    if (::syscall(SYS_capset, &header, data.data()) != 0)
        return errno_error(errno, "give up capabilities");
    return {};
}

Status become(const SandboxUser& user) {
    if (::prctl(PR_SET_KEEPCAPS, 1) != 0 || ::setgroups(0, nullptr) != 0 ||
        ::setresgid(user.gid, user.gid, user.gid) != 0 ||
        ::setresuid(user.uid, user.uid, user.uid) != 0 || ::prctl(PR_SET_KEEPCAPS, 0) != 0)
        return errno_error(errno, "become user " + std::to_string(user.uid));
    return {};
}

bool parse_id(std::string_view text, std::uint32_t& id) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), id);
    return failed == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Status give_up_privileges(const std::optional<SandboxUser>& user, bool see_all) {
    if (::geteuid() != 0) return {};
    const auto parent = ::getppid();
    std::uint32_t kept = 0;
    if (see_all) {
        kept = 1U << CAP_DAC_READ_SEARCH;
        if (!user) kept |= 1U << CAP_DAC_OVERRIDE;
    }
    for (int capability = 0; capability < kMostCapabilities; ++capability) {
        // Refused in a container that lacks CAP_SETPCAP: no_new_privs keeps them away as well.
        if (::prctl(PR_CAPBSET_DROP, capability) != 0 && errno == EINVAL) break;
    }
    if (user) SG_TRY(become(*user));
    SG_TRY(keep_capabilities(kept));
    // A change of user forgets this; and the parent may have died since.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_error(errno, "bind to the parent");
    if (::getppid() != parent) ::_exit(kParentGone);
    return {};
}

Result<SandboxUser> find_sandbox_user(const std::string& name) {
    SandboxUser user;
    const auto colon = name.find(':');
    const std::string_view text = name;
    if (colon != std::string::npos && parse_id(text.substr(0, colon), user.uid) &&
        parse_id(text.substr(colon + 1), user.gid))
        return user;
    errno = 0;
    const passwd* const entry = ::getpwnam(name.c_str());
    if (entry == nullptr)
        return Error{Errc::kNotFound,
                     "find user " + name + ": there is none; make it, or give uid:gid"};
    return SandboxUser{entry->pw_uid, entry->pw_gid};
}

}  // namespace sg::process
