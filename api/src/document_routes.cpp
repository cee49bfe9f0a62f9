#include <memory>
#include <mutex>
#include <utility>

#include <api/document_routes.hpp>

#include <presets/loader.hpp>

#include "embedded_schemas.hpp"
#include "ready.hpp"

// Bytes that the build puts into the program (cmake/EmbedFiles.cmake).
extern "C" {
extern const char sg_file_job_schema[];
extern const char sg_file_job_schema_end[];
extern const char sg_file_schema_common[];
extern const char sg_file_schema_common_end[];
extern const char sg_file_schema_jobs[];
extern const char sg_file_schema_jobs_end[];
extern const char sg_file_schema_presets[];
extern const char sg_file_schema_presets_end[];
extern const char sg_file_schema_files[];
extern const char sg_file_schema_files_end[];
extern const char sg_file_schema_channels[];
extern const char sg_file_schema_channels_end[];
extern const char sg_file_schema_access[];
extern const char sg_file_schema_access_end[];
extern const char sg_file_docs_html[];
extern const char sg_file_docs_html_end[];
extern const char sg_file_docs_js[];
extern const char sg_file_docs_js_end[];
extern const char sg_file_docs_css[];
extern const char sg_file_docs_css_end[];
}

namespace sg::api {
namespace {

std::string_view embedded(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

server::Response document(std::string_view content_type, std::string text) {
    auto response = server::Response::text(200, content_type, std::move(text));
    response.add("Cache-Control", "no-cache");
    response.add("X-Content-Type-Options", "nosniff");
    return response;
}

void add(ApiRouter& router,
         std::string path,
         std::string id,
         std::string summary,
         std::function<server::Response()> answer) {
    Operation operation;
    operation.pattern = std::move(path);
    operation.id = std::move(id);
    operation.tag = "documents";
    operation.summary = std::move(summary);
    operation.open = true;
    operation.handler = [answer = std::move(answer)](Call&) { return ready(answer()); };
    router.add(std::move(operation));
}

}  // namespace

std::string_view job_schema() {
    return embedded(sg_file_job_schema, sg_file_job_schema_end);
}

std::vector<std::string_view> embedded_schemas() {
    return {embedded(sg_file_schema_common, sg_file_schema_common_end),
            embedded(sg_file_schema_jobs, sg_file_schema_jobs_end),
            embedded(sg_file_schema_presets, sg_file_schema_presets_end),
            embedded(sg_file_schema_files, sg_file_schema_files_end),
            embedded(sg_file_schema_channels, sg_file_schema_channels_end),
            embedded(sg_file_schema_access, sg_file_schema_access_end)};
}

void add_document_routes(ApiRouter& router, std::string version) {
    // Made when it is first asked for: operations are added after this one, too.
    struct Made {
        std::once_flag once;
        std::string text;
    };
    auto made = std::make_shared<Made>();
    add(router,
        "/openapi.json",
        "getOpenApi",
        "This document (OpenAPI 3.1)",
        [made, &router, version = std::move(version)] {
            std::call_once(made->once,
                           [&] { made->text = openapi_document(router.operations(), version); });
            return document("application/json", made->text);
        });
    add(router, "/v1/schemas/job.json", "getJobSchema", "JSON Schema of job documents", [] {
        return document("application/schema+json", std::string(job_schema()));
    });
    add(router, "/v1/schemas/preset.json", "getPresetSchema", "JSON Schema of presets", [] {
        return document("application/schema+json", presets::json_schema());
    });
    add(router, "/docs", "getDocs", "The API for people", [] {
        auto page = document("text/html; charset=utf-8",
                             std::string(embedded(sg_file_docs_html, sg_file_docs_html_end)));
        page.add("Content-Security-Policy",
                 "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        return page;
    });
    add(router, "/docs.js", "getDocsScript", "Script of /docs", [] {
        return document("text/javascript; charset=utf-8",
                        std::string(embedded(sg_file_docs_js, sg_file_docs_js_end)));
    });
    add(router, "/docs.css", "getDocsStyle", "Style of /docs", [] {
        return document("text/css; charset=utf-8",
                        std::string(embedded(sg_file_docs_css, sg_file_docs_css_end)));
    });
}

}  // namespace sg::api
