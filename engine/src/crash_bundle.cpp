#include <algorithm>
#include <csignal>
#include <cstring>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <base/clock.hpp>
#include <base/file.hpp>
#include <engine/crash_bundle.hpp>
#include <engine/sandbox.hpp>
#include <protocols/http_client.hpp>
#include <transcoders/fingerprint.hpp>

#include "task_sandbox.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kBundleVersion = 1;
constexpr const char* kPrefix = "crash-";

std::string machine_text() {
    utsname name{};
    if (::uname(&name) != 0) return {};
    return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

/// Addresses may carry keys.
std::string without_secrets(const std::string& request) {
    auto document = json::parse(request, nullptr, false);
    if (!document.is_object()) return {};
    for (const char* field : {"location", "source_name", "images"}) {
        const auto at = document.find(field);
        if (at == document.end() || !at->is_string()) continue;
        const auto text = at->get<std::string>();
        if (text.find("://") != std::string::npos) *at = protocols::printable_url(text);
    }
    return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string file_name(const CrashBundle& bundle) {
    std::string name = kPrefix;
    const auto add = [&name](std::string_view text, std::size_t most) {
        for (const char c : text.substr(0, most)) {
            const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                               (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
            name += plain ? c : '_';
        }
    };
    add(bundle.time, 32);
    name += '-';
    add(bundle.task, 80);
    return name + ".json";
}

/// Names begin with the time: sorted, the oldest come first.
void make_room(const fs::path& folder, std::size_t count) {
    std::vector<fs::path> kept;
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed); !failed && at != fs::directory_iterator();
         at.increment(failed)) {
        const auto name = at->path().filename().string();
        if (name.starts_with(kPrefix) && name.ends_with(".json")) kept.push_back(at->path());
    }
    std::sort(kept.begin(), kept.end());
    for (std::size_t i = 0; i + count < kept.size() + 1; ++i) fs::remove(kept[i], failed);
}

}  // namespace

Result<fs::path> write_crash_bundle(const fs::path& folder,
                                    const CrashBundle& bundle,
                                    CrashKeeping keeping) {
    SG_TRY(make_folders(folder));
    const auto path = folder / file_name(bundle);
    json document{{"bundle_version", kBundleVersion},
                  {"how_to_replay", "streamgate replay " + path.string()},
                  {"time", bundle.time},
                  {"task", bundle.task},
                  {"signal", bundle.signal},
                  {"message", bundle.message},
                  {"log_tail", bundle.log_tail},
                  {"source", bundle.source},
                  {"versions", bundle.versions},
                  {"machine", bundle.machine},
                  {"sandboxed", bundle.sandboxed},
                  {"request", bundle.request}};
    const auto text = document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    if (text.size() > keeping.bytes)
        return Error{Errc::kLimit,
                     fmt::format("keep the crash of {}: its bundle of {} bytes is larger than {}",
                                 bundle.task,
                                 text.size(),
                                 keeping.bytes)};
    make_room(folder, keeping.count);
    SG_TRY(write_file_atomic(path, text, Durability::kNone));
    if (::chmod(path.c_str(), 0600) != 0) return errno_error(errno, "protect " + path.string());
    return path;
}

Result<CrashBundle> read_crash_bundle(const fs::path& path) {
    const auto attempted = "read the crash bundle " + path.string();
    SG_TRY_ASSIGN(const auto text, read_file(path, 4 * CrashKeeping{}.bytes));
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object())
        return Error{Errc::kBadData, attempted + ": it is not a JSON object"};
    if (document.value("bundle_version", json()) != kBundleVersion)
        return Error{Errc::kUnsupported,
                     attempted + ": bundle_version is not 1; use the version that wrote it"};
    CrashBundle bundle;
    const char* wrong = nullptr;
    const auto take = [&](const char* field, std::string& into) {
        const auto at = document.find(field);
        if (at == document.end() || !at->is_string())
            wrong = field;
        else
            into = at->get<std::string>();
    };
    take("time", bundle.time);
    take("task", bundle.task);
    take("signal", bundle.signal);
    take("message", bundle.message);
    take("log_tail", bundle.log_tail);
    take("source", bundle.source);
    take("versions", bundle.versions);
    take("machine", bundle.machine);
    take("request", bundle.request);
    const auto sandboxed = document.find("sandboxed");
    if (sandboxed == document.end() || !sandboxed->is_boolean())
        wrong = "sandboxed";
    else
        bundle.sandboxed = sandboxed->get<bool>();
    if (wrong != nullptr)
        return Error{Errc::kBadData,
                     fmt::format("{}: {} is missing or of another type", attempted, wrong)};
    return bundle;
}

std::optional<CrashBundle> crash_of(const process::Outcome& outcome,
                                    const std::string& request,
                                    const std::string& source) {
    if (outcome.result || outcome.from_outside || outcome.signal == 0 ||
        outcome.result.error().code != Errc::kCrashed)
        return std::nullopt;
    CrashBundle bundle;
    bundle.task = outcome.id;
    bundle.request = without_secrets(request);
    bundle.source = source;
    const char* name = ::sigabbrev_np(outcome.signal);
    bundle.signal = name != nullptr ? fmt::format("SIG{}", name) : std::to_string(outcome.signal);
    bundle.message = outcome.result.error().message;
    bundle.log_tail = outcome.log_tail;
    bundle.versions = transcoders::fingerprint();
    bundle.machine = machine_text();
    bundle.time = rfc3339(SystemClock().wall());
    bundle.sandboxed = sandbox_wanted();
    return bundle;
}

}  // namespace sg::engine
