//===- SsmOps.td - ops of the ssm dialect ---------------------*- tablegen -*-===//

#ifndef SSM_OPS_TD
#define SSM_OPS_TD

include "dialects/ssm/SsmAssociativeScanOps.td"
include "dialects/ssm/SsmAttentionOps.td"
include "dialects/ssm/SsmDeltaRuleOps.td"
include "dialects/ssm/SsmKernelOps.td"
include "dialects/ssm/SsmLinearOps.td"
include "dialects/ssm/SsmLongConvOps.td"
include "dialects/ssm/SsmQuasiseparableOps.td"
include "dialects/ssm/SsmRecurrenceOps.td"
include "dialects/ssm/SsmRopeOps.td"
include "dialects/ssm/SsmRoutingOps.td"
include "dialects/ssm/SsmScanOps.td"
include "dialects/ssm/SsmSemiseparableOps.td"
include "dialects/ssm/SsmShortConvOps.td"

#endif // SSM_OPS_TD
