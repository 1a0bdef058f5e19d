"""Principal components of what C sees."""

import torch

from worldmodel.agent.features import principal_axes


def test_components_are_white_and_ordered_by_variance():
    torch.manual_seed(0)
    mixing = torch.diag(torch.tensor([0.5, 3.0, 0.1, 1.0])) @ torch.linalg.qr(torch.randn(4, 4))[0]
    features = torch.randn(5000, 4) @ mixing + 7
    axes = principal_axes(features, 3)
    seen = (features - features.mean(0)) @ axes
    torch.testing.assert_close(seen.T @ seen / len(seen), torch.eye(3), atol=1e-3, rtol=0)
    scale = axes.norm(dim=0).reciprocal()
    torch.testing.assert_close(scale, torch.tensor([3.0, 1.0, 0.5]), atol=0.05, rtol=0)
