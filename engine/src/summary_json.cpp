#include "summary_json.hpp"

#include <nlohmann/json.hpp>

namespace sg::engine {

using nlohmann::json;

json finished_json(const InputSummary& summary) {
    json renditions = json::array();
    for (const auto& r : summary.renditions) {
        json one = {{"name", r.name},
                    {"codecs", r.codecs},
                    {"segments", r.segments},
                    {"bytes", r.bytes},
                    {"average_bps", r.average_bps},
                    {"peak_bps", r.peak_bps},
                    {"copied", r.copied}};
        if (r.width > 0)
            one.update({{"width", r.width}, {"height", r.height}, {"frame_rate", r.frame_rate}});
        else
            one.update({{"language", r.language}, {"channels", r.channels}});
        if (r.psnr > 0) one.update({{"psnr", r.psnr}, {"ssim", r.ssim}});
        renditions.push_back(std::move(one));
    }
    json repairs = json::array();
    for (const auto& r : summary.repairs)
        repairs.push_back({{"code", r.code}, {"count", r.count}, {"text", r.text}});
    return {{"ok", true},
            {"folder", summary.folder.string()},
            {"plan", summary.plan_digest},
            {"duration_s", summary.duration_s},
            {"wall_s", summary.wall_s},
            {"cpu_s", summary.cpu_s},
            {"speed", summary.speed},
            {"peak_rss_bytes", summary.peak_rss_bytes},
            {"renditions", std::move(renditions)},
            {"repairs", std::move(repairs)}};
}

json failed_json(const InputSummary& summary) {
    return {{"code", errc_name(summary.error.code)},
            {"stage", summary.stage},
            {"message", summary.error.message},
            {"resumable", summary.resumable}};
}

std::string to_json(const RunSummary& summary) {
    json inputs = json::array();
    for (const auto& input : summary.inputs) {
        json one = input.ok ? finished_json(input) : failed_json(input);
        one["ok"] = input.ok;
        one["name"] = input.name;
        one["uri"] = input.uri;
        if (input.ok) {
            json manifests = json::array();
            for (const auto& m : input.manifests) manifests.push_back(m.filename().string());
            one["manifests"] = std::move(manifests);
            one["notes"] = input.notes;
        }
        inputs.push_back(std::move(one));
    }
    return json{{"inputs", std::move(inputs)}, {"wall_s", summary.wall_s}}.dump(
        -1, ' ', false, json::error_handler_t::replace);
}

}  // namespace sg::engine
