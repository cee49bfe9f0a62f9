#pragma once

#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <base/result.hpp>

namespace sg::ingest {

/// The functions of GStreamer that we call, of a library that is loaded when it is first needed:
/// StreamGate starts without it, and works where there is none.
struct GstLibrary {
    // clang-format off
    decltype(&::gst_init_check) init_check = nullptr;
    decltype(&::gst_pipeline_new) pipeline_new = nullptr;
    decltype(&::gst_element_factory_make) element_factory_make = nullptr;
    decltype(&::gst_parse_bin_from_description) parse_bin_from_description = nullptr;
    decltype(&::gst_bin_add) bin_add = nullptr;
    decltype(&::gst_bin_get_by_name) bin_get_by_name = nullptr;
    decltype(&::gst_element_set_state) element_set_state = nullptr;
    decltype(&::gst_element_sync_state_with_parent) element_sync_state_with_parent = nullptr;
    decltype(&::gst_element_get_bus) element_get_bus = nullptr;
    decltype(&::gst_element_get_static_pad) element_get_static_pad = nullptr;
    decltype(&::gst_pad_get_current_caps) pad_get_current_caps = nullptr;
    decltype(&::gst_pad_query_caps) pad_query_caps = nullptr;
    decltype(&::gst_pad_link) pad_link = nullptr;
    decltype(&::gst_bus_timed_pop_filtered) bus_timed_pop_filtered = nullptr;
    decltype(&::gst_message_parse_error) message_parse_error = nullptr;
    decltype(&::gst_caps_get_structure) caps_get_structure = nullptr;
    decltype(&::gst_structure_get_name) structure_get_name = nullptr;
    decltype(&::gst_structure_get_string) structure_get_string = nullptr;
    decltype(&::gst_structure_get_value) structure_get_value = nullptr;
    decltype(&::gst_structure_get_int) structure_get_int = nullptr;
    decltype(&::gst_value_array_get_size) value_array_get_size = nullptr;
    decltype(&::gst_value_array_get_value) value_array_get_value = nullptr;
    decltype(&::gst_buffer_map) buffer_map = nullptr;
    decltype(&::gst_buffer_unmap) buffer_unmap = nullptr;
    decltype(&::gst_sample_get_buffer) sample_get_buffer = nullptr;
    decltype(&::gst_sample_get_caps) sample_get_caps = nullptr;
    decltype(&::gst_sample_get_segment) sample_get_segment = nullptr;
    decltype(&::gst_segment_to_running_time) segment_to_running_time = nullptr;
    decltype(&::gst_mini_object_unref) mini_object_unref = nullptr;
    decltype(&::gst_object_unref) object_unref = nullptr;
    decltype(&::gst_app_sink_try_pull_sample) app_sink_try_pull_sample = nullptr;
    decltype(&::gst_app_sink_is_eos) app_sink_is_eos = nullptr;
    decltype(&::g_object_set) object_set = nullptr;
    decltype(&::g_signal_connect_data) signal_connect_data = nullptr;
    decltype(&::g_value_get_boxed) value_get_boxed = nullptr;
    decltype(&::g_error_free) error_free = nullptr;
    decltype(&::g_free) free = nullptr;
    // clang-format on

    /// Loaded and initialised once. kUnsupported when it is not there, with what to install.
    [[nodiscard]] static Result<const GstLibrary*> get();
};

}  // namespace sg::ingest
