#include "verify_reports.hpp"

#include <algorithm>

#include <support/catch.hpp>

namespace sg::engine::test {

VerifyReport check(const std::filesystem::path& folder,
                   VerifyMode mode,
                   const pipeline::Plan* plan) {
    VerifyOptions options;
    options.mode = mode;
    options.plan = plan;
    const auto report = verify(folder.string(), options);
    if (!report) FAIL(report.error().message);
    return *report;
}

Names failed(const VerifyReport& report) {
    UNSCOPED_INFO(describe(report));
    Names names;
    for (const auto& c : report.checks) {
        if (!c.ok && !c.warning) names.insert(c.name);
    }
    return names;
}

Names warned(const VerifyReport& report) {
    Names names;
    for (const auto& c : report.checks) {
        if (!c.ok && c.warning) names.insert(c.name);
    }
    return names;
}

bool says(const VerifyReport& report, const std::string& words) {
    UNSCOPED_INFO(describe(report));
    return std::any_of(report.checks.begin(), report.checks.end(), [&](const Check& c) {
        return !c.ok && c.detail.find(words) != std::string::npos;
    });
}

}  // namespace sg::engine::test
