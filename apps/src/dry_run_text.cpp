#include "dry_run_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <engine/planner.hpp>
#include <pipeline/plan.hpp>

#include "answer_text.hpp"
#include "quantities.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;

double number(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string input_text(const json& input) {
    auto out = text(input, "uri") + "\n";
    if (const auto problem = input.find("problem"); problem != input.end() && problem->is_object())
        return out + fmt::format("  cannot be made: {}\n", text(*problem, "detail"));
    const auto found = input.find("plan");
    if (found == input.end() || !found->is_object()) return out;
    const auto plan = pipeline::Plan::from_json(found->dump());
    if (!plan) return out;
    out += printable_lines(engine::describe(*plan));
    if (!out.ends_with('\n')) out += '\n';
    return out;
}

}  // namespace

DryRun read_dry_run(std::string_view answer) {
    DryRun out;
    const auto found = json::parse(answer, nullptr, false);
    if (!found.is_object()) return out;
    out.possible = found.value("possible", json(false)) == json(true);
    for (const auto& input : found.value("inputs", json::array())) out.text += input_text(input);
    const auto cost = found.value("prediction", json::object());
    if (out.possible && cost.is_object()) {
        out.text += fmt::format("Estimate: {} in {} ({} to {}; CPU {})",
                                bytes_text(static_cast<std::int64_t>(number(cost, "bytes"))),
                                seconds_text(number(cost, "seconds")),
                                seconds_text(number(cost, "seconds_low")),
                                seconds_text(number(cost, "seconds_high")),
                                seconds_text(number(cost, "cpu_seconds")));
        if (const auto queue = number(found, "queue_seconds"); queue >= 1)
            out.text += fmt::format(", after {} of work in the queue", seconds_text(queue));
        out.text += ".\n";
    }
    return out;
}

}  // namespace sg::apps
