#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <engine/verify.hpp>

namespace sg::engine {
namespace {

struct KindSummary {
    std::string name;
    std::int64_t ok = 0;
    std::int64_t failed = 0;
    std::int64_t warned = 0;
    std::vector<const Check*> findings;
};

std::vector<KindSummary> by_kind(const std::vector<Check>& checks) {
    std::vector<KindSummary> kinds;
    for (const auto& c : checks) {
        auto at = std::find_if(
            kinds.begin(), kinds.end(), [&](const KindSummary& k) { return k.name == c.name; });
        if (at == kinds.end()) {
            kinds.push_back({c.name, 0, 0, 0, {}});
            at = kinds.end() - 1;
        }
        if (c.ok) {
            ++at->ok;
            continue;
        }
        ++(c.warning ? at->warned : at->failed);
        at->findings.push_back(&c);
    }
    return kinds;
}

}  // namespace

bool VerifyReport::ok() const {
    return std::all_of(
        checks.begin(), checks.end(), [](const Check& c) { return c.ok || c.warning; });
}

std::string VerifyReport::to_json() const {
    nlohmann::json out;
    out["ok"] = ok();
    out["segments"] = segments;
    out["pictures_decoded"] = pictures_decoded;
    auto& list = out["checks"] = nlohmann::json::array();
    for (const auto& c : checks) {
        list.push_back({{"name", c.name},
                        {"subject", c.subject},
                        {"ok", c.ok},
                        {"warning", c.warning},
                        {"detail", c.detail}});
    }
    return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<VerifyReport> VerifyReport::from_json(std::string_view text) {
    try {
        const auto j = nlohmann::json::parse(text);
        VerifyReport report;
        j.at("segments").get_to(report.segments);
        j.at("pictures_decoded").get_to(report.pictures_decoded);
        for (const auto& c : j.at("checks")) {
            report.checks.push_back({c.at("name").get<std::string>(),
                                     c.at("subject").get<std::string>(),
                                     c.at("ok").get<bool>(),
                                     c.at("warning").get<bool>(),
                                     c.at("detail").get<std::string>()});
        }
        return report;
    } catch (const nlohmann::json::exception& e) {
        return Error{Errc::kBadData, std::string("read a verification report: ") + e.what()};
    }
}

std::string describe(const VerifyReport& report) {
    std::string out;
    std::int64_t failed = 0;
    std::int64_t warned = 0;
    for (const auto& kind : by_kind(report.checks)) {
        failed += kind.failed;
        warned += kind.warned;
        out += fmt::format("{:<22} {:>3} ok", kind.name, kind.ok);
        if (kind.failed > 0) out += fmt::format(", {} FAILED", kind.failed);
        if (kind.warned > 0)
            out += fmt::format(", {} warning{}", kind.warned, kind.warned == 1 ? "" : "s");
        out += '\n';
        for (const auto* c : kind.findings) {
            out += fmt::format(
                "    {} {}: {}\n", c->warning ? "warning" : "FAILED ", c->subject, c->detail);
        }
    }
    out += fmt::format(
        "{} segments read, {} pictures decoded: ", report.segments, report.pictures_decoded);
    if (failed > 0) {
        out += fmt::format("{} FAILED", failed);
    } else {
        out += "all checks passed";
    }
    if (warned > 0) out += fmt::format(", {} warning{}", warned, warned == 1 ? "" : "s");
    out += '\n';
    return out;
}

}  // namespace sg::engine
