#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <unistd.h>

#include <sys/stat.h>

#include <process/child.hpp>
#include <process/sandbox.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::process;

namespace {

namespace fs = std::filesystem;

bool has(const SandboxReport& report, const std::string& name) {
    for (const auto& m : report.measures) {
        if (m.name == name) return m.applied;
    }
    return false;
}

struct Ran {
    Exit exit;
    std::string text;

    [[nodiscard]] std::string outcome(const std::string& attempt) const {
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with(attempt + ": ")) return line.substr(attempt.size() + 2);
        }
        return "not tried";
    }
};

class Hostile {
  public:
    Hostile() {
        fs::create_directories(inside());
        fs::create_directories(outside());
        std::ofstream(outside() / "secret") << "secret";
        fs::create_symlink(outside() / "secret", inside() / "link");
    }
    [[nodiscard]] Ran run(const std::string& mode, bool as_nobody = false) const {
        SpawnOptions options;
        options.executable = SG_HOSTILE_CHILD;
        options.argv = {"hostile", mode, inside(), outside()};
        if (as_nobody) options.argv.emplace_back("nobody");
        auto child = Child::spawn(std::move(options));
        REQUIRE(child);
        Ran ran;
        ran.exit = child->wait();
        ran.text = child->log().text();
        return ran;
    }
    [[nodiscard]] fs::path inside() const { return folder_.path() / "inside"; }
    [[nodiscard]] fs::path outside() const { return folder_.path() / "outside"; }

  private:
    test::TempFolder folder_;
};

void check_attacks(const Ran& ran, const SandboxReport& here) {
    INFO(ran.text);
    REQUIRE(ran.exit.status.success());
    std::vector<std::string> refused{"become root", "raise limit"};
    if (has(here, "files"))
        refused.insert(refused.end(),
                       {"read shadow",
                        "read passwd",
                        "read environ",
                        "read parent's memory",
                        "read outside",
                        "write outside",
                        "leave by ..",
                        "leave by link",
                        "make link",
                        "link outside's file",
                        "truncate outside",
                        "remove outside",
                        "make device",
                        "write library"});
    if (has(here, "system calls"))
        refused.insert(refused.end(),
                       {"tcp socket",
                        "udp socket",
                        "unix socket",
                        "netlink socket",
                        "fork",
                        "exec",
                        "kill parent",
                        "open terminal"});
    for (const auto& attempt : refused) {
        INFO(attempt);
        CHECK((ran.outcome(attempt) == "Permission denied" ||
               ran.outcome(attempt) == "Operation not permitted" ||
               ran.outcome(attempt) == "Invalid cross-device link"));
    }
    for (const auto* attempt : {"write inside",
                                "rename inside",
                                "make folder",
                                "remove inside",
                                "read library",
                                "thread"}) {
        INFO(attempt);
        CHECK(ran.outcome(attempt) == "done");
    }
}

bool sandboxed() {
    return look_at_sandbox({}).measures.size() > 1;
}

}  // namespace

TEST_CASE_METHOD(Hostile, "what an attacker tries from a task is refused") {
    if (!sandboxed()) return;
    check_attacks(run("all"), look_at_sandbox({}));
    CHECK(fs::file_size(outside() / "secret") == 6);
}

TEST_CASE_METHOD(Hostile, "root becomes another user, who can write to the task's folder only") {
    if (!sandboxed() || ::geteuid() != 0) return;
    const auto ran = run("all", true);
    check_attacks(ran, look_at_sandbox({}));
    CHECK(ran.text.find("uid 65534\n") != std::string::npos);
    struct stat about {};
    REQUIRE(::stat((inside() / "folder").c_str(), &about) == 0);
    CHECK(about.st_uid == 65534);
}

TEST_CASE_METHOD(Hostile, "root without all of its capabilities, as in a container, is locked in") {
    if (!sandboxed() || ::geteuid() != 0 || !fs::exists("/usr/bin/setpriv")) return;
    SpawnOptions options;
    options.executable = "/usr/bin/setpriv";
    options.argv = {
        "setpriv", "--bounding-set=-dac_read_search", SG_HOSTILE_CHILD, "all", inside(), outside()};
    auto child = Child::spawn(std::move(options));
    REQUIRE(child);
    Ran ran;
    ran.exit = child->wait();
    ran.text = child->log().text();
    check_attacks(ran, look_at_sandbox({}));
}

TEST_CASE_METHOD(Hostile, "what only attacks use ends the process") {
    if (!has(look_at_sandbox({}), "system calls")) return;
    for (const auto* how : {
             "ptrace", "mount", "unshare", "bpf", "keyctl", "io_uring", "userfaultfd",
                 "process_vm_readv",
#if defined(__x86_64__)
                 "x32"
#endif
         }) {
        const auto ran = run(how);
        INFO(how << "\n" << ran.text);
        CHECK(ran.exit.status.kind == ExitStatus::Kind::kSignalled);
        CHECK(ran.exit.status.value == SIGSYS);
    }
}

TEST_CASE_METHOD(Hostile, "memory, file size and processor time are limited") {
    if (!sandboxed()) return;
    CHECK(run("memory").outcome("memory") == "Cannot allocate memory");
    CHECK(run("file").outcome("large file") == "File too large");
    const auto spun = run("cpu");
    CHECK(spun.exit.status.kind == ExitStatus::Kind::kSignalled);
    CHECK((spun.exit.status.value == SIGXCPU || spun.exit.status.value == SIGKILL));
}

TEST_CASE("a report names each measure and why it is not in force") {
    const auto report = look_at_sandbox({});
    REQUIRE_FALSE(report.measures.empty());
    std::set<std::string> names;
    for (const auto& m : report.measures) {
        CHECK_FALSE(m.detail.empty());
        names.insert(m.name);
    }
    CHECK(names.size() == report.measures.size());
}

TEST_CASE("a worker's user is named, or given by number") {
    const auto nobody = find_sandbox_user("nobody");
    REQUIRE(nobody);
    CHECK(nobody->uid == 65534);
    const auto number = find_sandbox_user("1234:567");
    REQUIRE(number);
    CHECK(number->uid == 1234);
    CHECK(number->gid == 567);
    const auto none = find_sandbox_user("no-such-user-here");
    REQUIRE_FALSE(none);
    CHECK(none.error().code == Errc::kNotFound);
}
