# The headers of each room, so that installing needs no glob and
# CMAKE_VERIFY_INTERFACE_HEADER_SETS compiles each one alone.
function(retinue_headers room)
  if(room STREQUAL "retinue")
    set(target retinue)
  else()
    set(target retinue_${room})
  endif()
  if(TARGET ${target})
    list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/include/retinue/")
    target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include"
                                                 FILES ${ARGN})
  endif()
endfunction()

retinue_headers(
  retinue
  anchors.hpp
  anchors/default_boxes.hpp
  anchors/grid.hpp
  anchors/layout.hpp
  anchors/near.hpp
  anchors/square_anchors.hpp
  augment.hpp
  augment/affine.hpp
  augment/colours.hpp
  augment/crop.hpp
  augment/erase.hpp
  augment/mirror.hpp
  augment/mosaic.hpp
  augment/pipeline.hpp
  augment/presets.hpp
  augment/recolour.hpp
  augment/resample.hpp
  augment/resize.hpp
  augment/transform.hpp
  augment/window.hpp
  backend.hpp
  config.hpp
  coordinate.hpp
  data/class_names.hpp
  data/retinaface_labels.hpp
  data/sample.hpp
  data/wflw.hpp
  detect.hpp
  dual.hpp
  encoders.hpp
  error.hpp
  evaluate.hpp
  evaluate/coco.hpp
  evaluate/curve.hpp
  evaluate/images.hpp
  evaluate/landmark_error.hpp
  evaluate/matching.hpp
  evaluate/voc.hpp
  evaluate/wider.hpp
  evaluate/wider_files.hpp
  geometry.hpp
  instance.hpp
  io/config/detector_config.hpp
  io/config/nearest.hpp
  io/config/presets.hpp
  io/config/ssd_config.hpp
  io/file.hpp
  io/pickle.hpp
  io/pickle_document.hpp
  io/pixel_format.hpp
  io/pytorch.hpp
  io/progress.hpp
  io/pytorch_file.hpp
  io/state_dict.hpp
  io/strided.hpp
  io/text.hpp
  io/text_lines.hpp
  io/zip.hpp
  landmarks.hpp
  losses.hpp
  losses/cross_entropy.hpp
  losses/focal.hpp
  losses/hard_negatives.hpp
  losses/log_odds.hpp
  losses/multibox.hpp
  losses/overlap.hpp
  losses/reading.hpp
  losses/residual.hpp
  losses/targets.hpp
  matchers.hpp
  matchers/assignment.hpp
  matchers/overlap.hpp
  models/extra_layer.hpp
  overlap.hpp
  packet.hpp
  random.hpp
  retinue.hpp
  select.hpp
  suppress.hpp
  suppress/greedy.hpp
  suppress/per_class.hpp
  suppress/soft.hpp
  suppress/suppressor.hpp
  table.hpp
  train/ordered_queue.hpp
  train/samples.hpp
  train/schedules.hpp
  train/stop_signal.hpp)

retinue_headers(
  eigen
  backend/eigen.hpp
  backend/transpose.hpp)

retinue_headers(
  torch
  backend/libtorch.hpp
  losses/libtorch.hpp
  models/body.hpp
  models/convolution.hpp
  models/detector.hpp
  models/folded.hpp
  models/fpn.hpp
  models/heads.hpp
  models/load.hpp
  models/mobilenet_v1.hpp
  models/network_detector.hpp
  models/process.hpp
  models/resnet.hpp
  models/retinaface.hpp
  models/ssd.hpp
  models/ssd_detector.hpp
  models/ssh.hpp
  models/vgg16.hpp
  train/batches.hpp
  train/ema.hpp
  train/initial_weights.hpp
  train/named_tensors.hpp
  train/objective.hpp
  train/optimizers.hpp
  train/precision.hpp
  train/trainer.hpp)

retinue_headers(
  xml
  data/imglab.hpp
  data/voc.hpp
  data/xml.hpp)

retinue_headers(
  zlib
  io/gzip.hpp)

retinue_headers(
  json
  data/coco.hpp
  evaluate/coco_files.hpp
  evaluate/results_json.hpp
  io/config.hpp
  io/config/fields.hpp
  io/config/guess.hpp
  io/config/json.hpp
  io/config/ssd_json.hpp
  io/detections_json.hpp
  io/safetensors.hpp
  io/weights.hpp
  train/checkpoints.hpp
  train/log.hpp)

retinue_headers(
  opencv
  augment/pixels.hpp
  data/drawn_face.hpp
  data/pictures.hpp
  data/scenes.hpp
  io/drawing.hpp
  io/images.hpp
  io/plot.hpp
  train/augmented_source.hpp
  train/curves.hpp)
